"""A docker client that is a shell script: it keeps containers as folders, writes down its calls, and says what a test wants it to say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.components.engine.docker import Docker

SCRIPT = r"""#!/bin/sh
here=$(dirname "$0")
printf '%s\n' "$*" >> "$here/calls"
say() {
    [ -f "$here/$1.code" ] || exit 0
    cat "$here/$1.err" >&2
    cat "$here/$1.out"
    exit "$(cat "$here/$1.code")"
}
case "$1" in
info) say info ;;
inspect)
    [ -f "$here/objects/$3/$4" ] || { echo "Error: No such $3: $4" >&2; exit 1; }
    echo "[$(cat "$here/objects/$3/$4")]" ;;
container)
    wanted=${7#label=}
    for file in "$here"/objects/container/*; do
        [ -e "$file" ] || continue
        if grep -q "$(printf '%s' "$wanted" | sed 's/=/": "/')" "$file"; then basename "$file"; fi
    done ;;
rm) shift; for name; do rm -f "$here/objects/container/$name"; done ;;
network)
    case "$2" in
    create)
        for last; do :; done
        echo '{"Labels": {"conformance.daemonset/network": ""}, "Containers": {}}' > "$here/objects/network/$last" ;;
    rm) rm "$here/objects/network/$3" ;;
    esac ;;
*) say "$1" ;;
esac
"""


class FakeDocker(Docker):
    """The client, with what it will find."""

    def __init__(self, folder: Path, *, time_scale: float = 1.0) -> None:
        program = folder / "docker"
        program.write_text(SCRIPT)
        program.chmod(0o755)
        self.folder = folder
        for kind in ("container", "network", "image"):
            (folder / "objects" / kind).mkdir(parents=True)
        super().__init__(program, time_scale=time_scale)

    def answers(self, command: str, *, out: str = "", err: str = "", code: int = 0) -> None:
        """What a command writes and ends with from now on."""
        (self.folder / f"{command}.out").write_text(out)
        (self.folder / f"{command}.err").write_text(err)
        (self.folder / f"{command}.code").write_text(str(code))

    def has(self, kind: str, name: str, value: Mapping[str, Any]) -> None:
        """Let it have a container, a network or an image."""
        (self.folder / "objects" / kind / name).write_text(json.dumps(value))

    def there(self, kind: str) -> set[str]:
        """What it has."""
        return {file.name for file in (self.folder / "objects" / kind).iterdir()}

    @property
    def calls(self) -> list[str]:
        """The arguments of every call so far."""
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []
