"""Why a kubeconfig gave no credentials: the official client goes on without, and the server sees `system:anonymous`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.clusters.existing.kubeconfig import Target
from conformance.errors import UsageError, refused

#: Seconds in which a program that hands out credentials has to say what keeps it from that.
PATIENCE = 15.0


def failed(target: Target) -> UsageError:
    """What to say of it, with the way out."""
    users = target.config["users"]
    user: Mapping[str, Any] = users[0]["user"] if users else {}
    if "exec" in user:
        return UsageError(_plugin(target, user["exec"]))
    return UsageError(
        f"{target} gives no credentials: its user has neither token nor certificate, so that the server takes it for system:anonymous. "
        "Log in, or choose another context with --context."
    )


def _plugin(target: Target, plugin: Mapping[str, Any]) -> str:
    command = str(plugin.get("command", ""))
    begin = f"The program {command}, which {target} names for its credentials,"
    if shutil.which(command) is None:
        return f"{begin} was not found: install it, put it on PATH, or choose another context with --context."
    environment = {**os.environ, **{str(one["name"]): str(one["value"]) for one in plugin.get("env") or ()}}
    asked = {"apiVersion": plugin.get("apiVersion", ""), "kind": "ExecCredential", "spec": {"interactive": False}}
    try:
        done = subprocess.run(
            [command, *map(str, plugin.get("args") or ())],
            env={**environment, "KUBERNETES_EXEC_INFO": json.dumps(asked)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            cwd=Path("/"),
        )
        said = " ".join((done.stderr.strip() or "it said nothing").split())[-200:]
        how = f"ended with exit code {done.returncode} ({said})" if done.returncode else "gave none that can be used"
    except subprocess.TimeoutExpired:
        how = f"did not end within {PATIENCE:.0f} s"
    except OSError as error:
        how = f"cannot be run ({refused(error)})"
    return f"{begin} {how}. Log in with it, and see for yourself with `kubectl --context {target.context} auth whoami`."
