"""What a worker does, as metrics."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from intercept_core.bus.messages import Event, Failed, Result
from intercept_core.bus.observer import ABANDONED, SUCCEEDED
from intercept_core.metrics import catalogue
from intercept_core.metrics.metric import MetricRegistry


class WorkerMetrics:
    """Counts calls at one worker.

    Args:
        registry: Who exports.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, registry: MetricRegistry, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._running = registry.add(catalogue.WORKER_RUNNING)
        self._waiting = registry.add(catalogue.WORKER_WAITING)
        self._calls = registry.add(catalogue.WORKER_CALLS)
        self._queue_s = registry.add(catalogue.WORKER_QUEUE_S)
        self._work_s = registry.add(catalogue.WORKER_WORK_S)
        self.load(0, 0)

    def load(self, running: int, waiting: int) -> None:
        """Notes how many calls run and wait now."""
        self._running(running)
        self._waiting(waiting)

    @contextmanager
    def call(self, kind: str) -> Iterator["CallWatch"]:
        """Follows one attempt for the ``with`` block."""
        watch = CallWatch(self._clock)
        try:
            yield watch
        finally:
            self._calls(1, kind, watch.outcome)
            if watch.began_s is not None:
                self._queue_s(watch.waited_s, kind)
                self._work_s(self._clock() - watch.began_s, kind)


class CallWatch:
    """What is known of one attempt.

    Args:
        clock: Seconds, monotonic.

    Attributes:
        outcome: How it ended; abandoned if nobody says.
        waited_s: How long it waited for a slot.
        began_s: When it had one; None before.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.outcome = ABANDONED
        self.waited_s = 0.0
        self.began_s: float | None = None

    def begin(self, waited_s: float) -> None:
        """Notes that the attempt has a slot now, after so long a wait."""
        self.waited_s = waited_s
        self.began_s = self._clock()

    def see(self, event: Event) -> Event:
        """Takes note of ``event`` and gives it back."""
        if isinstance(event, Result):
            self.outcome = SUCCEEDED
        elif isinstance(event, Failed):
            self.outcome = event.code
        return event
