"""What the user asks for is checked once, and every mistake names its fix."""

from __future__ import annotations

from dataclasses import replace
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
        *(("time_scale", wrong, "from 0.1 to 1000") for wrong in ("fast", "0", "-1", "0.001", "1e9", "nan", "inf")),
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
    with pytest.raises(UsageError, match="is not a folder that is private"):
        settings.runs_folder()


def test_a_runs_folder_that_cannot_be_made_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="Point TMPDIR at a folder"):
        settings.runs_folder()


@pytest.mark.parametrize(
    ("cluster", "option", "value"),
    [
        *(("embedded", option, "x") for option in ("kubeconfig", "cluster_name", "kind_image", "kind_bin", "kind_kubectl_bin")),
        *(("existing", option, "x") for option in ("cluster_name", "kind_image", "kind_bin", "kind_kubectl_bin")),
    ],
)
def test_no_option_of_pytest_kind_passes_unheard(cluster: str, option: str, value: str) -> None:
    with pytest.raises(UsageError, match=rf"--{option.replace('_', '-')} x: this says nothing to `--cluster {cluster}`"):
        settings.with_kind(parse(cluster=cluster), {option: value})


def test_what_pytest_kind_takes_by_itself_is_no_wish_of_the_user() -> None:
    taken = {"cluster_name": "pytest-kind", "keep_cluster": False, "kubeconfig": None}
    assert settings.with_kind(parse(), taken).kind == settings.KindSettings()


@pytest.mark.parametrize(
    ("cluster", "name", "image", "words"),
    [
        ("embedded", "kind", "", "runs no such thing"),
        ("embedded", "kubelet", "", "runs no such thing"),
        ("kind", "kwok", "", "runs no such thing"),
        ("kind", "kube-controller-manager", "published", "the node image published has its own"),
    ],
)
def test_no_component_passes_unheard(cluster: str, name: str, image: str, words: str) -> None:
    made = replace(parse(cluster=cluster), overrides={name: Path("/bin/sh")})
    with pytest.raises(UsageError, match=words):
        settings.with_kind(made, {"kind_image": image})


def existing(cluster: str = "existing", components: list[str] | None = None, **given: object) -> settings.Settings:
    made = settings.parse(cluster, None, components or [], "report", "never", "1")
    nothing = {"context": "", "allow_disruption": False, "on_node": [], "image_prefix": "", "kubernetes": None}
    return settings.with_existing(made, {**nothing, **given})


def test_what_is_said_of_an_existing_cluster() -> None:
    assert existing().existing == settings.ExistingSettings()
    made = existing(context="c", allow_disruption=True, on_node=["a", "b"], image_prefix="r.example:5000/m", kubernetes="1.36").existing
    assert made == settings.ExistingSettings("c", True, ("a", "b"), "r.example:5000/m", "1.36")


def test_a_replaced_component_and_the_pace_are_there_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "parse_override", lambda text: (text.partition("=")[0], Path("/bin/own")))
    own = settings.parse("embedded", "1.36", ["kube-controller-manager=/bin/own"], "report", "never", "2")
    image = settings.with_kind(settings.parse("kind", "1.36", [], "report", "never", "1"), {"kind_image": "own/node:v1.36.4"})

    assert own.again(own.minor)[4:] == ["--component", "kube-controller-manager=/bin/own", "--time-scale", "2"]
    assert image.again(image.minor)[4:] == ["--kind-image", "own/node:v1.36.4"]


def test_the_same_cluster_again() -> None:
    assert parse().again(parse().minor) == ["--cluster", "embedded", "--kubernetes", parse().minor.minor]
    made = existing(context="c", allow_disruption=True, on_node=["a"], image_prefix="r.example")
    words = ["--cluster", "existing", "--context", "c", "--allow-disruption", "--on-node", "a", "--image-prefix", "r.example"]
    assert made.again(made.minor) == words


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cluster": "embedded", "allow_disruption": True}, r"--allow-disruption: only `--cluster existing`"),
        ({"cluster": "kind", "context": "c", "on_node": ["a"]}, r"--context, --on-node: only"),
        ({"image_prefix": "https://r.example"}, "give a registry"),
        ({"components": ["etcd=/bin/sh"]}, "an existing cluster runs its own"),
    ],
)
def test_mistakes_about_existing_clusters_name_their_fix(given: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "parse_override", lambda text: (text.partition("=")[0], Path("/bin/sh")))
    with pytest.raises(UsageError, match=words):
        existing(**given)  # type: ignore[arg-type]
