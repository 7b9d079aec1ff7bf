"""The `go` that these builds find."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_go import GO, FakeGo


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGo:
    fake = FakeGo(tmp_path / "go")
    fake.folder.mkdir()
    fake.set("release", "go1.26.8")
    fake.set("go", GO)
    (fake.folder / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("GOTMPDIR", "GOROOT"):
        monkeypatch.delenv(name, raising=False)
    return fake
