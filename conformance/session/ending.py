"""How a run is told to end, and that it then ends in order, once, whatever else it is told.

Ctrl-C is pytest's own: a KeyboardInterrupt in the main thread. What CI sends when a job is cancelled (SIGTERM), and a terminal when it is
closed (SIGHUP), end a process without a word; here they do the same as Ctrl-C. While clusters are ended and the report is written no
further signal cuts that short.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

#: SIGHUP is left alone where somebody ignores it on purpose (nohup).
_ASKING = (signal.SIGTERM, signal.SIGHUP)
_ALL = (signal.SIGINT, *_ASKING)


class Ending:
    """Whether a run was told to end. `by` is the signal's name; empty as long as it was not."""

    def __init__(self) -> None:
        self.by = ""
        self._asked = signal.SIGINT
        self._told = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Meanwhile SIGTERM and SIGHUP raise KeyboardInterrupt, as SIGINT does; afterwards signals do what they did before."""
        if threading.current_thread() is not threading.main_thread():  # only the main thread may say what a signal does
            yield
            return
        before = {number: signal.getsignal(number) for number in _ALL}
        for number in _ASKING:
            if before[number] is signal.SIG_DFL:
                signal.signal(number, self._interrupt)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _interrupt(self, number: int, _: FrameType | None) -> None:
        self._asked = signal.Signals(number)
        self.began()
        raise KeyboardInterrupt

    def began(self) -> None:
        """The run is ending now, because a signal said so; further ones change nothing."""
        self.by = self.by or self._asked.name
        if threading.current_thread() is threading.main_thread():
            for number in _ALL:
                signal.signal(number, self._already)

    def _already(self, *_: object) -> None:
        if not self._told:
            self._told = True
            with contextlib.suppress(OSError):
                sys.stderr.write("\nThe run is ending already: the cluster is being ended and the report written.\n")
