"""Bad input of `conformance mutate`: a cause and a way out, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.cli import main
from conformance.mutate.explaining import explanations


def test_without_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.metadata.distribution", _none)
    assert main(["mutate", "--list"]) == 4
    assert "there is no go on PATH" in capsys.readouterr().err


def _none(name: str) -> object:
    from importlib.metadata import PackageNotFoundError

    raise PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kubernetes", "1.2"], "not among the pinned ones"),
        (["--scenarios", "nowhere"], "no folder of scenarios"),
        (["--workers", "0"], "--workers 0"),
        (["--time-scale", "0"], "--time-scale 0"),
        (["--groups", "nosuch"], "--groups nosuch"),
        (["--fixed", "--only", "17"], "leave one of them out"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mutate", *arguments]) == 4
    assert words in capsys.readouterr().err


def test_explanations_are_whole() -> None:
    for each in explanations().values():
        assert each.because.strip(), each.mutant
        assert each.mutant.count(".") >= 2, each.mutant
