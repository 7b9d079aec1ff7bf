"""Which cluster is meant, by kubectl's rules; the user's file is only read."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.clusters.existing import kubeconfig
from conformance.clusters.existing.kubeconfig import find
from conformance.errors import UsageError


def config(name: str, *, current: bool = True, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name if current else "",
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u", "namespace": "mine"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"https://{name}.example", **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {"token": name}}],
    }


def write(file: Path, content: dict[str, Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(content))
    return file


def test_the_option_stands_alone(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", config("one")), write(tmp_path / "two", config("two"))
    found = find(one, environment={"KUBECONFIG": str(two)})
    assert (found.context, found.server, found.source) == ("one", "https://one.example", str(one))


def test_the_first_file_that_sets_a_value_wins(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", config("one", current=False)), write(tmp_path / "two", config("two"))
    environment = {"KUBECONFIG": f"{tmp_path / 'nowhere'}:{one}:{two}"}
    found = find(environment=environment)
    # The current context is the second file's; cluster `c` and user `u`, which both files have, are the first one's.
    assert (found.context, found.server) == ("two", "https://one.example")
    assert found.config["users"][0]["user"] == {"token": "one"}
    assert find(context="one", environment=environment).context == "one"
    write(one, config("one"))
    assert find(environment=environment).context == "one"


def test_without_anything_it_is_the_file_in_the_home(tmp_path: Path) -> None:
    write(tmp_path / ".kube" / "config", config("home"))
    assert find(environment={"HOME": str(tmp_path)}).context == "home"


def test_relative_paths_are_relative_to_their_file_and_the_copy_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ca.crt", "me.crt", "me.key", "token"):
        (tmp_path / name).write_text(name)
    user = {"client-certificate": "me.crt", "client-key": "./me.key", "tokenFile": "token", "exec": {"command": "./login", "args": ["x"]}}
    file = write(tmp_path / "config", config("one", cluster={"certificate-authority": "ca.crt"}, user=user))
    before = file.read_bytes(), file.stat().st_mtime_ns
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    found = find(Path("../config"))

    copy = found.write(tmp_path / "elsewhere")
    assert copy.stat().st_mode & 0o777 == 0o600
    written = yaml.safe_load(copy.read_text())
    assert base64.b64decode(written["clusters"][0]["cluster"]["certificate-authority-data"]) == b"ca.crt"
    credentials = written["users"][0]["user"]
    assert base64.b64decode(credentials["client-certificate-data"]) == b"me.crt"
    assert base64.b64decode(credentials["client-key-data"]) == b"me.key"
    assert Path(credentials["tokenFile"]).resolve() == tmp_path / "token"
    assert Path(credentials["exec"]["command"]).resolve() == tmp_path / "login"
    assert found.plugin
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_a_program_on_the_path_stays_a_program_on_the_path(tmp_path: Path) -> None:
    found = find(write(tmp_path / "config", config("one", user={"exec": {"command": "aws"}})))
    assert found.config["users"][0]["user"]["exec"]["command"] == "aws"


def test_only_the_chosen_context_is_copied(tmp_path: Path) -> None:
    content = config("one")
    content["users"].append({"name": "other", "user": {"token": "secret of another cluster"}})
    found = find(write(tmp_path / "config", content))
    assert "secret of another cluster" not in str(found.config)


def test_inside_a_pod_it_is_the_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", tmp_path)
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_text("ca")
    found = find(environment={"HOME": str(tmp_path), "KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"})
    assert (found.context, found.server) == ("in-cluster", "https://[fd00::1]:6443")
    assert found.config["users"][0]["user"]["tokenFile"] == str(tmp_path / "token")


@pytest.mark.parametrize(
    ("content", "context", "words"),
    [
        (None, "", "there is no such file"),
        ("", "", "No kubeconfig was found"),
        ("[1]", "", "holds no mapping"),
        ("a: [", "", "cannot be read"),
        (config("one", current=False), "", "names no current context.*--context; there are: one"),
        (config("one"), "two", "no context 'two'.*there are: one"),
        ({**config("one"), "clusters": []}, "", "names the cluster 'c', which is not there"),
        ({**config("one"), "users": []}, "", "names the user 'u', which is not there"),
        (config("one", cluster={"server": ""}), "", "has no server"),
        (config("one", cluster={"certificate-authority": "gone"}), "", "certificate-authority .*gone.* cannot be read"),
    ],
)
def test_mistakes_name_cause_and_fix(tmp_path: Path, content: Any, context: str, words: str) -> None:
    file = tmp_path / "config"
    if isinstance(content, str):
        file.write_text(content)
    elif content is not None:
        write(file, content)
    with pytest.raises(UsageError, match=words) as refused:
        find(file, context, environment={})
    assert "\n" not in str(refused.value)


def test_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"KUBECONFIG is not set, and there is no .*\.kube/config"):
        find(environment={"HOME": str(tmp_path)})
    with pytest.raises(UsageError, match="KUBECONFIG is /nowhere, and /nowhere does not exist"):
        find(environment={"HOME": str(tmp_path), "KUBECONFIG": "/nowhere"})


def test_a_token_file_wins_over_a_token_as_kubectl_has_it(tmp_path: Path) -> None:
    found = find(write(tmp_path / "one", config("one", user={"token": "old", "tokenFile": "new"})), environment={})
    assert found.config["users"][0]["user"] == {"tokenFile": str(tmp_path / "new")}
