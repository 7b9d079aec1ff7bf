"""What a run on an existing cluster leaves on this machine: nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.clusters.existing.kubeconfig import find
from conformance.session import existing
from conformance.session.settings import runs_folder


def test_the_copy_of_the_credentials_goes_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    target = find(tmp_path / "kubeconfig")
    with existing.private(target) as one:
        with existing.private(target) as another:
            assert one.is_file()
        assert one.is_file(), "the end of one run took another's credentials"
        assert not another.exists()
    assert list(runs_folder().iterdir()) == []
