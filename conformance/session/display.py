"""Shows where a run stands while it runs: a line that is rewritten on a terminal, elsewhere a line every so often.

pytest writes its letters on the current line; what is shown on a terminal stands below it and is taken away before pytest writes again.
In a log there are no control characters. The clock is a thread, because a scenario that hangs gives pytest nothing to say.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Protocol, TextIO

import pytest

from conformance.errors import shortened
from conformance.printable import printable
from conformance.session.durations import Durations
from conformance.session.progress import Progress

#: Seconds between two lines of a log: life is seen, and an hour is 120 lines.
INTERVAL = 30.0
#: Seconds between two states of the line of a terminal.
REWRITE = 1.0


class Screen(Protocol):
    """Where the line is shown."""

    interval: float

    def show(self, line: str) -> None:
        """Show it, in place of the one before if that can be."""

    def hide(self) -> None:
        """Make room for what pytest writes."""


class Terminal:
    """A line below the one that pytest writes on, in the colour of what is only said in passing."""

    interval = REWRITE

    def __init__(self, stream: TextIO, reporter: pytest.TerminalReporter) -> None:
        self._stream = stream
        self._writer = reporter.config.get_terminal_writer()
        self._shown = False

    def show(self, line: str) -> None:
        """One line below, cut where the terminal ends, and back to where pytest goes on; the line that is there scrolls up if need be."""
        width = max(self._writer.fullwidth, 20)
        column = self._writer.width_of_current_line % width
        back = f"\x1b[{column}C" if column else ""
        self._shown = True
        _write(self._stream, f"\x1b[J\n{self._writer.markup(line[: width - 1], light=True)}\x1b[1A\r{back}")

    def hide(self) -> None:
        """Everything from the cursor on."""
        if self._shown:
            self._shown = False
            _write(self._stream, "\x1b[J")


class Log:
    """Whole lines among those of pytest."""

    interval = INTERVAL

    def __init__(self, stream: TextIO, reporter: pytest.TerminalReporter) -> None:
        self._stream = stream
        self._writer = reporter.config.get_terminal_writer()
        #: How far pytest's line was when ours came: if it is no further, the cursor is still at the beginning.
        self._at = 0

    def show(self, line: str) -> None:
        """Below what pytest has begun, which goes on below it."""
        column = self._writer.width_of_current_line
        begun = column not in (0, self._at)
        self._at = column
        _write(self._stream, f"{chr(10) if begun else ''}{shortened(line)}\n")

    def hide(self) -> None:
        """What is in a log stays there."""


class Display:
    """A pytest plugin of the process that has the terminal: of all workers of pytest-xdist, too."""

    def __init__(self, screen: Screen, reporter: pytest.TerminalReporter, durations: Durations) -> None:
        self._screen = screen
        self._reporter = reporter
        self._durations = durations
        self.progress = Progress(durations.expected, durations.name)
        self._workers = 0
        #: Who has begun to run items, and what his first one took to set up: it starts his cluster.
        self._begun: set[str] = set()
        self._shared: dict[str, float] = {}
        self._left_out: set[str] = set()
        self._failed: set[str] = set()
        #: pytest and the clock write one after the other.
        self._turn = threading.Lock()
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._tick, name="conformance-display", daemon=True)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Without pytest-xdist: what was selected."""
        self.progress.selected(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """With pytest-xdist: what its workers selected."""
        self.progress.selected(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self) -> None:
        """One more worker."""
        self._workers += 1
        self.progress.workers = self._workers

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self) -> None:
        """One worker less; pytest-xdist may say why."""
        self._workers -= 1
        self.progress.workers = max(self._workers, 1)
        with self._turn:
            self._screen.hide()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> Generator[None, object, object]:
        """An item begins, on whichever worker."""
        with self._room():
            result = yield
            self.progress.begins(nodeid, time.monotonic())
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, object, object]:
        """A phase ended; of a worker that crashed this is the last that is heard of its item."""
        with self._room():
            result = yield
            if report.skipped:
                self._left_out.add(report.nodeid)
            if report.failed:
                self._failed.add(report.nodeid)
            if report.when == "setup" and (worker := getattr(report, "worker_id", "")) not in self._begun:
                self._begun.add(worker)
                self._shared[report.nodeid] = report.duration
            if report.when not in ("setup", "call", "teardown"):
                self.progress.ends(report.nodeid, time.monotonic(), ran=False)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> Generator[None, object, object]:
        """An item is done."""
        with self._room():
            result = yield
            shared = self._shared.get(nodeid, 0.0)
            took = self.progress.ends(nodeid, time.monotonic(), ran=nodeid not in self._left_out, shared=shared)
            if took is not None and nodeid not in self._failed:  # a wait that ran out is as long as its limit
                self._durations.took(nodeid, took)
        return result

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """The clock ticks as long as items run, however that ends."""
        self._clock.start()
        try:
            return (yield)
        finally:
            self._over.set()
            self._clock.join()
            self._screen.hide()

    def pytest_sessionfinish(self) -> None:
        """What was learned is of use to the next run."""
        self._durations.save()

    @contextlib.contextmanager
    def _room(self) -> Iterator[None]:
        with self._turn:
            self._screen.hide()
            yield
            if self._screen.interval <= REWRITE and self._clock.is_alive():
                self._reporter.flush()
                self._show()

    def _tick(self) -> None:
        while not self._over.wait(self._screen.interval):
            with self._turn:
                self._show()

    def _show(self) -> None:
        if self.progress.left and not self._over.is_set():
            self._screen.show(printable(self.progress.line(time.monotonic())))


def start(config: pytest.Config, cluster: str) -> None:
    """Show where the run stands, if anybody is to be told."""
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or config.option.verbose < 0:
        return
    try:
        # What is captured while an item runs is what stands at the descriptor then: the copy is of what stands there now.
        copy = os.dup(sys.stdout.fileno())
    except (OSError, AttributeError):  # it is no file
        return
    stream = os.fdopen(copy, "w", encoding=sys.stdout.encoding, errors="backslashreplace")
    config.add_cleanup(lambda: _close(stream))
    screen: Screen = (Terminal if rewrites(config) else Log)(stream, reporter)
    config.pluginmanager.register(Display(screen, reporter, Durations(config, cluster)), "conformance-display")


def rewrites(config: pytest.Config) -> bool:
    """Whether there is a terminal that only pytest writes on; CI has some that are logs all the same."""
    log = bool(os.environ.get("CI")) or os.environ.get("TERM", "dumb") == "dumb"
    return sys.stdout.isatty() and not log and config.getoption("capture", "no") != "no"


def _close(stream: TextIO) -> None:
    with contextlib.suppress(OSError):  # what could not be written would be tried once more
        stream.close()


def _write(stream: TextIO, text: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads any more: pytest finds out by itself
        stream.write(text)
        stream.flush()
