"""Which cluster the user means, by kubectl's rules, and a private copy of what it takes to reach it.

The user's files are only read. Source of the rules: documentation "Organizing Cluster Access Using kubeconfig Files": `--kubeconfig`
alone; else the files of `KUBECONFIG`, of which the first that sets a value wins; else `~/.kube/config`; else the service account of the
pod. Relative paths in a file are relative to that file.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conformance.errors import UsageError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_DATA = {"certificate-authority": "cluster", "client-certificate": "user", "client-key": "user"}


@dataclass(frozen=True)
class Target:
    """One context, with everything that it names: `config` is a whole kubeconfig without relative paths, for this context alone.

    `source` says where it came from; `files` is that as KUBECONFIG takes it, if there are any; `plugin` tells whether a program of the
    user's hands out the credentials.
    """

    config: Mapping[str, Any]
    context: str
    source: str
    plugin: bool = False
    files: str = ""

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return str(self.config["clusters"][0]["cluster"].get("server", ""))

    def __str__(self) -> str:
        return f"context {self.context} of {self.source}"

    def write(self, folder: Path) -> Path:
        """Write it to a file that only this user can read."""
        file = folder / "kubeconfig"
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            yaml.safe_dump(dict(self.config), out)
        return file


def find(kubeconfig: Path | None = None, context: str = "", environment: Mapping[str, str] = os.environ) -> Target:
    """The cluster that the options and the environment name; UsageError says what they name instead of one."""
    files, said = _files(kubeconfig, environment)
    entries, current, read = _merged(files)
    if not read:
        if kubeconfig is None and environment.get("KUBERNETES_SERVICE_HOST") and (SERVICE_ACCOUNT / "token").is_file():
            return _in_cluster(environment)
        raise UsageError(
            f"No kubeconfig was found: {said}. Give one with --kubeconfig FILE, set KUBECONFIG, or run inside a pod with a service account."
        )
    source = os.pathsep.join(str(file) for file in read)
    contexts = entries["contexts"]
    there = ", ".join(sorted(contexts)) or "none"
    wanted = context or current
    if not wanted:
        raise UsageError(f"{source} names no current context. Choose one with --context; there are: {there}.")
    if wanted not in contexts:
        raise UsageError(f"There is no context {wanted!r} in {source}. Choose another one with --context; there are: {there}.")
    chosen, home = contexts[wanted]
    body = chosen.get("context") or {}
    config: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": wanted, "clusters": [], "users": []}
    reduced = {"cluster": str(body.get("cluster", ""))}
    if body.get("user"):
        reduced["user"] = str(body["user"])
    config["contexts"] = [{"name": wanted, "context": reduced}]
    plugin = False
    for kind, name in reduced.items():
        if name not in entries[f"{kind}s"]:
            raise UsageError(f"Context {wanted} of {source} names the {kind} {name!r}, which is not there. Mend the kubeconfig ({home}).")
        entry, origin = entries[f"{kind}s"][name]
        flat = _flat(entry.get(kind) or {}, kind, origin)
        plugin = plugin or "exec" in flat or "auth-provider" in flat
        config[f"{kind}s"].append({"name": name, kind: flat})
    target = Target(config, wanted, source, plugin, source)
    if not target.server:
        raise UsageError(f"The cluster {reduced['cluster']} of {target} has no server. Mend the kubeconfig, or choose another --context.")
    return target


def _files(kubeconfig: Path | None, environment: Mapping[str, str]) -> tuple[list[Path], str]:
    if kubeconfig is not None:
        if not kubeconfig.is_file():
            raise UsageError(f"--kubeconfig {kubeconfig}: there is no such file. Correct the path.")
        return [kubeconfig], f"--kubeconfig is {kubeconfig}, and that file is empty"
    if given := environment.get("KUBECONFIG"):
        # Files that are not there are passed over, as kubectl does.
        files = [Path(name).expanduser() for name in given.split(os.pathsep) if name]
        state = ", ".join(f"{file} {'is empty' if file.exists() else 'does not exist'}" for file in files)
        return files, f"KUBECONFIG is {given}, and {state or 'that names no file'}"
    default = Path(environment.get("HOME") or "~").expanduser() / ".kube" / "config"
    return [default], f"KUBECONFIG is not set, and there is no {default}"


Entries = dict[str, dict[str, tuple[dict[str, Any], Path]]]


def _merged(files: list[Path]) -> tuple[Entries, str, list[Path]]:
    entries: Entries = {"clusters": {}, "contexts": {}, "users": {}}
    current, read = "", []
    for file in files:
        try:
            config = yaml.safe_load(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UsageError(
                f"The kubeconfig {file} cannot be read: {' '.join(str(error).split())}. Mend it, or name another one."
            ) from error
        if config is None:
            continue
        if not isinstance(config, dict):
            raise UsageError(f"The kubeconfig {file} is no kubeconfig: it holds no mapping. Mend it, or name another one.")
        read.append(file)
        current = current or config.get("current-context") or ""
        for kind, known in entries.items():
            for entry in config.get(kind) or ():
                known.setdefault(str(entry.get("name")), (entry, file))
    return entries, current, read


def _flat(body: Mapping[str, Any], kind: str, origin: Path) -> dict[str, Any]:
    """A cluster or user without paths relative to the file that it came from; certificates and keys are taken in."""
    flat = dict(body)
    home = origin.absolute().parent
    for field, belongs in _DATA.items():
        name = flat.pop(field, None) if belongs == kind else None
        if name and not flat.get(f"{field}-data"):
            try:
                flat[f"{field}-data"] = base64.b64encode((home / name).read_bytes()).decode()
            except OSError as error:
                raise UsageError(f"The {field} {home / name} that {origin} names cannot be read: {error.strerror}.") from error
    if flat.get("tokenFile"):
        flat["tokenFile"] = str(home / flat["tokenFile"])
        flat.pop("token", None)  # as kubectl decides it; the Python client would take the other one
    command = (flat.get("exec") or {}).get("command", "")
    if os.sep in command:
        flat["exec"] = {**flat["exec"], "command": str(home / command)}
    return flat


def _in_cluster(environment: Mapping[str, str]) -> Target:
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443")
    cluster = {
        "server": f"https://{f'[{host}]' if ':' in host else host}:{port}",
        "certificate-authority-data": base64.b64encode((SERVICE_ACCOUNT / "ca.crt").read_bytes()).decode(),
    }
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "in-cluster",
        "contexts": [{"name": "in-cluster", "context": {"cluster": "in-cluster", "user": "in-cluster"}}],
        "clusters": [{"name": "in-cluster", "cluster": cluster}],
        "users": [{"name": "in-cluster", "user": {"tokenFile": str(SERVICE_ACCOUNT / "token")}}],
    }
    return Target(config, "in-cluster", "the pod's service account")
