"""How a run is told to end, and that it then ends in order, once, whatever else it is told.

Ctrl-C (SIGINT) is a KeyboardInterrupt in the main thread. What CI sends when a job is cancelled (SIGTERM), and a terminal when it is closed
(SIGHUP), end a process without a word; here they do the same as Ctrl-C. While clusters are ended and the report is written no further
signal cuts that short. A controller passes the news on to its pytest-xdist workers: a signal for it alone would reach them seconds later.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: What is done without us; what somebody else has decided on purpose stays (nohup ignores SIGHUP).
_USUAL = (signal.SIG_DFL, signal.default_int_handler)


class Ending:
    """Whether a run was told to end. `by` is the signal's name; empty as long as it was not."""

    def __init__(self, *, speaks: bool = True) -> None:
        self.by = ""
        #: Whether a second signal is answered with a word. A worker of pytest-xdist is ended by its controller, and keeps silent.
        self._speaks = speaks
        #: The processes of pytest-xdist's workers, in its controller.
        self.workers: list[int] = []
        #: Whether the run has come to its end by itself: a signal is noted then, and changes nothing more.
        self.finishing = False
        self._told = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Meanwhile each of the signals raises KeyboardInterrupt, once; afterwards they do what they did before."""
        if threading.current_thread() is not threading.main_thread():  # only the main thread may say what a signal does
            yield
            return
        before = {number: signal.getsignal(number) for number in _ASKING}
        for number in _ASKING:
            if before[number] in _USUAL:
                signal.signal(number, self._interrupt)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupt(self, number: int, _: FrameType | None) -> None:
        if self.by or self.finishing:
            self.by = self.by or signal.Signals(number).name
            self._already()
            return
        self.by = signal.Signals(number).name
        for pid in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
        raise KeyboardInterrupt

    def _already(self) -> None:
        if self._speaks and not self._told:
            self._told = True
            with contextlib.suppress(OSError):
                sys.stderr.write("\nThe run is ending already: the cluster is being ended and the report written.\n")
