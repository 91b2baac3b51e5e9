"""Tells the scheduler when parked requests are expected back."""

import asyncio
import contextvars
import itertools
import logging
from collections.abc import Awaitable, Callable

from intercept_core.bus.messages import EtaReport

logger = logging.getLogger(__name__)

INTERVAL_S = 0.05
MOST_REPORTS = 64
"""More in a push would take the engine more time than they are worth to it."""

EtaSink = Callable[[list[EtaReport]], Awaitable[None]]
"""Takes the reports of the calls whose expectation changed."""


class EtaPusher:
    """Gathers changes and hands them to a sink, at most once per ``interval_s``.

    The first change after a pause goes out at once, later ones together when the interval
    is over; of very many those that changed first, as they are by then. Without changes
    nothing runs. A sink that raises or hangs costs its own reports until the next change,
    never a dispatch.

    Args:
        report_of: The current report of a call by its id; None when it has ended.
        sink: Where reports go.
        interval_s: Least seconds between the starts of two pushes.
        most_reports: Most reports of one push; the others follow with the next ones.
        push_timeout_s: Most seconds that one push may take.
    """

    def __init__(
        self,
        report_of: Callable[[str], EtaReport | None],
        sink: EtaSink,
        *,
        interval_s: float = INTERVAL_S,
        most_reports: int = MOST_REPORTS,
        push_timeout_s: float = 1.0,
    ) -> None:
        self._report_of = report_of
        self._sink = sink
        self._interval_s = interval_s
        self._most_reports = most_reports
        self._push_timeout_s = push_timeout_s
        self._changed: dict[str, None] = {}
        self._task: asyncio.Task[None] | None = None
        self._sink_failing = False
        self._closed = False

    def mark(self, call_id: str) -> None:
        """Notes that the expectation of this call has changed."""
        if self._closed:
            return
        self._changed[call_id] = None
        if self._task is None:
            # An empty context, so that no request's context outlives it in here.
            self._task = asyncio.get_running_loop().create_task(
                self._run(), context=contextvars.Context()
            )

    async def close(self) -> None:
        """Stops pushing; reports not yet handed over are dropped."""
        self._closed = True
        self._changed.clear()
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            while self._changed:
                started_at = loop.time()
                await self._push()
                await asyncio.sleep(max(started_at + self._interval_s - loop.time(), 0.0))
        finally:
            self._task = None

    async def _push(self) -> None:
        changed = list(itertools.islice(self._changed, self._most_reports))
        for call_id in changed:
            del self._changed[call_id]
        reports = [r for r in map(self._report_of, changed) if r is not None]
        if not reports:
            return
        try:
            async with asyncio.timeout(self._push_timeout_s):
                await self._sink(reports)
        except Exception:
            if not self._sink_failing:
                logger.warning(
                    "ETA reports do not reach the scheduler; said once until they do",
                    exc_info=True,
                )
            self._sink_failing = True
        else:
            self._sink_failing = False
