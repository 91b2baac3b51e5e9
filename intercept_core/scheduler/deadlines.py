"""How long a request may stay parked."""

import logging
import threading
from collections.abc import Callable

from intercept_core.scheduler.endings import Endings
from intercept_core.scheduler.park_table import ParkTable
from intercept_core.scheduler.telemetry import Telemetry

logger = logging.getLogger(__name__)


class ParkDeadlines:
    """Ends requests whose result does not come.

    The bus has a deadline for each call, and its error is a result as any other. This is the
    net below: it catches requests whose client or bus went away without a word.

    Args:
        table: The parked requests.
        endings: Ends them.
        telemetry: Counts them.
        deadline_s: Seconds that a request may be parked.
        now_s: The scheduler's clock.

    Attributes:
        wake: Has the engine look at its scheduler, from any thread; None if nobody can.
    """

    def __init__(
        self,
        table: ParkTable,
        endings: Endings,
        telemetry: Telemetry,
        deadline_s: float,
        now_s: Callable[[], float],
    ) -> None:
        self._table = table
        self._endings = endings
        self._telemetry = telemetry
        self._deadline_s = deadline_s
        self._now_s = now_s
        self._alarm: threading.Timer | None = None
        self.wake: Callable[[], None] | None = None

    @property
    def due(self) -> bool:
        """Whether some request is overdue; an engine that rests is woken when one will be."""
        oldest = self._table.oldest
        if oldest is None:
            return False
        left_s = oldest.since_s + self._deadline_s - self._now_s()
        if left_s > 0:
            self._set_alarm(left_s)
        return left_s <= 0

    def end_overdue(self) -> None:
        """Ends the requests that are parked for too long."""
        if not self._table:
            return
        latest_s = self._now_s() - self._deadline_s
        while (oldest := self._table.oldest) is not None and oldest.since_s <= latest_s:
            logger.warning(
                "session %s ends: no result of %s came within park_deadline_s=%g",
                oldest.request_id,
                oldest.kind or "its call",
                self._deadline_s,
            )
            self._telemetry.overdue += self._endings.end(
                [oldest.request_id],
                f"park_deadline: no result came within {self._deadline_s:g} s",
            )

    def _set_alarm(self, seconds: float) -> None:
        # One timer at a time, set again when it rings: most requests resume long before.
        if self.wake is None or self._alarm is not None:
            return
        self._alarm = threading.Timer(min(seconds, threading.TIMEOUT_MAX), self._ring)
        self._alarm.daemon = True
        self._alarm.start()

    def _ring(self) -> None:
        self._alarm = None
        if self.wake is not None:
            self.wake()
