"""A `go` that is a shell script: it writes down its calls, waits or fails when a test wants that, and "builds" small scripts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conformance.components import cache

GO = r"""#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
case $1 in
version) echo "go version $(cat "$here/release") linux/amd64" ;;
env) echo "$here/gocache"; echo "$here/gomodcache" ;;
list)
  case $* in
  *" -f "*) echo "go: downloading example.io/a v1.0.0"; echo "stale a"; echo "stale b/c" ;;
  *) [ -p "$here/ahead" ] && echo > "$here/ahead"; [ -f "$here/slow" ] && sleep 5; touch "$here/fetched" ;;
  esac ;;
build)
  [ -f "$here/full" ] && { echo "compile: writing output: write x.a: no space left on device"; exit 1; }
  [ -f "$here/broken" ] && { seq -f "x.go:%g: undefined: y" 50; exit 1; }
  while [ "$1" != -o ]; do shift; done
  out=$2; shift 2
  echo half > "$out/half"; echo half > "$GOTMPDIR/half"
  if [ -p "$here/gate" ]; then
    exec 9<> "$here/gate"  # before it says that it waits, as the gate may be gone a moment later; low numbers are inherited locks
    (read _ <&9) &
    echo "$$ $!" > "$here/started"
    wait
  fi
  echo a; echo b/c
  for package; do
    printf '#!/bin/sh\necho fake\n' > "$out/$(basename "${package%/v3}")"
  done
  rm "$out/half" ;;
esac
"""


@dataclass(frozen=True)
class FakeGo:
    folder: Path

    def set(self, name: str, text: str = "") -> None:
        (self.folder / name).write_text(text)

    def calls(self, verb: str) -> list[str]:
        calls = self.folder / "calls"
        return [line for line in (calls.read_text().splitlines() if calls.exists() else []) if line.split()[0] == verb]

    def hold(self) -> None:
        """From now on a build waits in the middle."""
        os.mkfifo(self.folder / "gate")
        os.mkfifo(self.folder / "started")

    def held(self) -> list[int]:
        """Wait for a build to be in the middle; the processes of it."""
        return [int(pid) for pid in (self.folder / "started").read_text().split()]

    def let_go(self) -> None:
        (self.folder / "gate").write_text("\n")

    @contextlib.contextmanager
    def ahead(self) -> Iterator[int]:
        """A file to read from when something is downloaded ahead."""
        os.mkfifo(self.folder / "ahead")
        reader = os.open(self.folder / "ahead", os.O_RDONLY | os.O_NONBLOCK)
        try:
            yield reader
        finally:
            os.close(reader)

    def hold_no_more(self) -> None:
        (self.folder / "gate").unlink()
        (self.folder / "started").unlink()


def leftovers() -> list[Path]:
    return list((cache.root() / "building").rglob("*"))
