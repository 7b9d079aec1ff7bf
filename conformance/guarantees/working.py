"""Whether the control plane can be expected to react: its components run, and the API server is not slow."""

from __future__ import annotations

#: Seconds that a controller manager that was started again may need to work.
START = 15.0
#: Seconds for which what a process has written may arrive after it has ended.
FLIGHT = 10.0
#: Seconds for one write, which takes milliseconds, after which nobody can say who was late: the controller, or those who served it.
SLOW = 3.0
_NEEDED = frozenset({"kube-controller-manager", "kube-apiserver", "etcd"})
_SCHEDULER = "kube-scheduler"
_NEVER = float("-inf")


class Working:
    """What is known of the components. Times are seconds of the trace."""

    def __init__(self) -> None:
        #: when the API server last was so slow
        self.slow_at = _NEVER
        #: whether the controller cannot be running, by what was done to it
        self.down = False
        self._controller_from = self._scheduler_from = 0.0
        self._ended_at = _NEVER

    def works(self, now: float) -> bool:
        """Whether the controller can be expected to react: its process, the API server and etcd run."""
        return now >= self._controller_from

    def controller_since(self) -> float:
        """From when on the controller can be expected to react to what had happened before; infinite while it does not run.

        Not before the API server, after it was slow, is quick again.
        """
        return max(self._controller_from, self.slow_at)

    def scheduler_since(self) -> float:
        """The same of the scheduler."""
        return max(self.controller_since(), self._scheduler_from)

    def acted_on(self, component: str, verb: object, now: float) -> bool:
        """The scenario did something to a component. Whether the controller will look at everything anew."""
        begins = verb in ("start", "resume")
        if component == _SCHEDULER:
            self._scheduler_from = now + START if begins else float("inf")
        if component not in _NEEDED:
            return False
        self._controller_from = now + START if begins else float("inf")
        self.down = not begins
        if not begins:
            self._ended_at = now
        return begins

    def wrote(self, now: float) -> None:
        """The controller has written something: it runs, unless that had been on its way when it ended."""
        if self.down and now > self._ended_at + FLIGHT:
            self._controller_from = now
            self.down = False
