"""Kill runs at random moments and look at what they leave: python bench/kills.py [--runs 100] [--seed 1]

Each run is pytest with a few scenarios, alone or with two workers. At a moment between its start and its usual end one of its
processes gets a signal: pytest (SIGINT, SIGTERM, SIGKILL), a worker of pytest-xdist (SIGTERM, SIGKILL), or a component of a cluster
(SIGKILL). When it is over `conformance clean` runs, and then nothing of it may be left: no process and no folder of a cluster; and
its report, if it had begun one, can be read.

Prints a line for each run and the counts; exit code 1 if something was left or could not be read.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCENARIOS = "test_a_node_that_joins or test_a_surge_leaves_no_node or test_a_new_image_reaches"
COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
#: Seconds after which a run hangs, on a machine that is busy with other things.
LIMIT = 900


def processes(mark: str) -> dict[int, list[str]]:
    """The processes that have `mark` in their environment or arguments: pid to arguments."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes()
            if mark.encode() in arguments + (entry / "environ").read_bytes():
                found[int(entry.name)] = arguments.decode(errors="replace").split("\0")
        except OSError:
            continue  # it has ended meanwhile
    return found


def victims(mark: str, run: subprocess.Popen[bytes]) -> dict[str, list[int]]:
    """What may be hit now, by kind."""
    there = processes(mark)
    return {
        "pytest": [run.pid],
        "worker": [pid for pid, words in there.items() if pid != run.pid and "import sys;exec(eval(sys.stdin.readline()))" in words],
        "component": [pid for pid, words in there.items() if words and Path(words[0]).name in COMPONENTS],
    }


def hit(choice: random.Random, mark: str, run: subprocess.Popen[bytes]) -> str:
    """Send a signal to one of the run's processes; returns what was done."""
    there = {kind: pids for kind, pids in victims(mark, run).items() if pids}
    kind = choice.choice(sorted(there))
    number = choice.choice({"pytest": ["SIGINT", "SIGTERM", "SIGKILL"], "worker": ["SIGTERM", "SIGKILL"]}.get(kind, ["SIGKILL"]))
    try:
        os.kill(choice.choice(there[kind]), signal.Signals[number])
    except ProcessLookupError:
        return f"{kind} had ended"
    return f"{number} to {kind}"


def disturb(choice: random.Random, mark: str, run: subprocess.Popen[bytes], *, within: float) -> str:
    """Wait for a random moment of the next seconds, and hit one of the run's processes then; returns what was done."""
    try:
        run.wait(choice.uniform(0.0, within))
    except subprocess.TimeoutExpired:
        return hit(choice, mark, run)
    return "nothing, it was over"


class Trial:
    """One run in a folder of its own, from its start to what it left."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "PYTHONPATH": str(ROOT), "CONFORMANCE_TRIAL": str(folder)}
        self.report = folder / "report"
        more = ["-n", str(workers)] if workers else []
        pytest = [sys.executable, "-m", "pytest", "scenarios", "-k", SCENARIOS, "--report", str(self.report), *more]
        self.output = (folder / "said").open("wb")
        self.run = subprocess.Popen(pytest, cwd=ROOT, env=self.environment, stdout=self.output, stderr=self.output, start_new_session=True)

    def end(self) -> None:
        """End what hangs, or was interrupted, with all that it started."""
        if self.run.poll() is None:
            os.killpg(self.run.pid, signal.SIGKILL)
            self.run.wait()
        self.output.close()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `conformance` as the run's user would afterwards."""
        line = [sys.executable, "-m", "conformance", *arguments]
        return subprocess.run(line, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False, timeout=LIMIT)

    def left(self) -> list[str]:
        """What is there after `conformance clean`, in words; empty as it should be."""
        found = []
        cleaned = self.command("clean")
        if cleaned.returncode:
            found.append(f"clean ended with {cleaned.returncode}: {cleaned.stderr.strip()[-200:]}")
        found += [f"process {pid} ({words[0]})" for pid, words in processes(str(self.folder)).items()]
        found += [f"folder {path.name}" for path in self.folder.glob("dsc-*/c-*")]
        if (self.report / "scenarios").is_dir() or (self.report / "run.json").exists():
            read = self.command("report", str(self.report))
            if read.returncode not in (0, 1) or "Traceback" in read.stderr or not (self.report / "index.html").is_file():
                found.append(f"the report cannot be read ({read.returncode}): {read.stderr.strip()[-200:]}")
        said = (self.folder / "said").read_text(errors="replace")
        found += [word for word in ("INTERNALERROR", "Traceback (most recent call last)") if word in said]
        return found


def main() -> int:
    """Run the trials."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    choice = random.Random(arguments.seed)  # noqa: S311 - the moments are to be met again, and nothing else
    outcomes: collections.Counter[str] = collections.Counter()
    bad = 0
    usual = 0.0
    for number in range(arguments.runs + 1):
        workers = choice.choice([0, 2])
        with tempfile.TemporaryDirectory(prefix="k-") as name:
            begin = time.monotonic()
            trial = Trial(Path(name), workers)
            what = "nothing"
            try:
                if number:  # the first one is not disturbed: it tells how long one takes
                    what = disturb(choice, name, trial.run, within=usual)
                code = trial.run.wait(LIMIT)
                seconds = time.monotonic() - begin
                left = trial.left()
            finally:
                trial.end()
        if not number and code:
            sys.stdout.write(f"An undisturbed run ends with exit code {code}: nothing can be told from disturbed ones.\n")
            return 1
        usual = usual or seconds
        outcomes[f"{what}, -n {workers}: exit code {code}"] += 1
        bad += bool(left)
        sys.stdout.write(f"{number:4} {seconds:6.1f} s  -n {workers}  {what}: exit code {code}  {'; '.join(left) or 'nothing left'}\n")
        sys.stdout.flush()
    for outcome, count in sorted(outcomes.items()):
        sys.stdout.write(f"{count:5}  {outcome}\n")
    sys.stdout.write(f"{arguments.runs} runs, {bad} of them left something or cannot be read\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
