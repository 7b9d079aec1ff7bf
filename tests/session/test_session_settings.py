"""What the user asks for is checked once, and every mistake names its fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.components.versions import DEFAULT, MINORS
from conformance.errors import UsageError
from conformance.session import settings


def parse(**given: str) -> settings.Settings:
    asked = {"cluster": "embedded", "report": "report", "keep": "never", "time_scale": "1", **given}
    return settings.parse(asked["cluster"], asked.get("kubernetes"), [], asked["report"], asked["keep"], asked["time_scale"])


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFORMANCE_KUBERNETES", raising=False)
    made = parse()
    assert (made.minor.minor, made.keep, made.time_scale, made.report) == (DEFAULT, "never", 1.0, Path("report"))


def test_the_environment_names_the_version_unless_the_option_does(monkeypatch: pytest.MonkeyPatch) -> None:
    other, another = [minor for minor in MINORS if minor != DEFAULT][:2]
    monkeypatch.setenv("CONFORMANCE_KUBERNETES", other)
    assert parse().minor.minor == other
    assert parse(kubernetes=another).minor.minor == another


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("cluster", "minikube", "Known: embedded"),
        ("kubernetes", "1.7", "choose one of"),
        ("keep", "sometimes", "never, on-failure, always"),
        ("time_scale", "fast", "a positive number"),
        ("time_scale", "0", "a positive number"),
        ("time_scale", "nan", "a positive number"),
    ],
)
def test_mistakes_name_their_fix(option: str, value: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse(**{option: value})


def test_the_runs_folder_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = settings.runs_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    with pytest.raises(UsageError, match="not private"):
        settings.runs_folder()
