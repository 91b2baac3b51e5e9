"""One call on its way, over all its attempts."""

import asyncio
import json
import logging
import math
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from functools import cached_property

from intercept_core.bus.messages import (
    Accepted,
    Call,
    EtaReport,
    Event,
    Failed,
    Progress,
)
from intercept_core.bus.route import Route
from intercept_core.bus.stats import BusStats

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 1.0
"""Seconds that a transport gets to end a submission."""


class LiveCall:
    """Reads one attempt after the other and keeps what is known about the work.

    Args:
        call: The first attempt.
        route: Where it goes.
        clock: Monotonic seconds.
        grace_s: Seconds beyond the deadline that the worker has to report that it passed,
            before the bus says so itself.
        stats: Where dropped events are counted.

    Attributes:
        call: The attempt in hand.
        route: Where it goes.
        worker: Who accepted this attempt; None until somebody did.
        since_s: When the first attempt was made, on the clock.
    """

    def __init__(
        self,
        call: Call,
        route: Route,
        *,
        clock: Callable[[], float],
        grace_s: float,
        stats: BusStats,
    ) -> None:
        self.call = call
        self.route = route
        self.worker: str | None = None
        self._clock = clock
        self.since_s = clock()
        self._deadline = self.since_s + route.timeout_s
        self._grace_s = grace_s
        self._stats = stats
        self._scope: asyncio.Timeout | None = None
        self._abort_reason: str | None = None
        self._expected_at: float | None = None
        self._fraction: float | None = None
        self._events: AsyncGenerator[Event, None] = route.transport.submit(call)

    async def next_event(self) -> Event:
        """The attempt's next event that is worth passing on.

        Returns:
            An event of this attempt; when the transport fails, ends or the deadline passes,
            the ``Failed`` that says so.

        Raises:
            asyncio.CancelledError: when the caller's task is cancelled, and only then.
        """
        while True:
            if self._abort_reason is not None:
                return self.call.failed("cancelled", self._abort_reason)
            remaining_s = self._deadline + self._grace_s - self._clock()
            # Tested here as well as by the timer: a flood of events that are ready at once
            # never lets the timer run.
            event = await self._read(remaining_s) if remaining_s > 0 else self._too_late()
            if _is_cancelled():  # and something below has made a failure of it
                raise asyncio.CancelledError
            if self._belongs(event):
                self._observe(event)
                return self._too_late() if self._ran_out_of_time(event) else event
            self._stats.dropped_events += 1

    def can_retry(self, failure: Failed, backoff_s: float) -> bool:
        """Whether another attempt may follow ``failure`` and would still have time."""
        has_not_begun = failure.code == "queue_full" and self.worker is None
        return (
            failure.retryable
            and (self.route.retry or has_not_begun)
            and self._abort_reason is None
            and self.call.attempt < self.route.max_attempts
            and self._deadline - self._clock() > backoff_s
        )

    async def retry(self, backoff_s: float) -> None:
        """Ends this attempt, waits ``backoff_s`` and sends the next with the time left."""
        await self.close()
        await asyncio.sleep(backoff_s)
        self.worker = self._expected_at = self._fraction = None
        self.call = replace(
            self.call,
            attempt=self.call.attempt + 1,
            timeout_s=max(self._deadline - self._clock(), 0.0),
        )
        self._events = self.route.transport.submit(self.call)

    def abort(self, reason: str) -> None:
        """Makes ``next_event`` report a cancellation, also to one who waits in it now."""
        self._abort_reason = reason
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())

    def eta_report(self) -> EtaReport:
        """What the call waits for, and how far the work is if somebody has said."""
        eta_s = None
        if self._expected_at is not None:
            eta_s = max(self._expected_at - self._clock(), 0.0)
        return EtaReport(
            request_id=self.call.request_id,
            kind=self.call.kind,
            eta_s=eta_s,
            fraction=self._fraction,
            typical_s=self.route.typical_s,
            argument_chars=self._argument_chars,
        )

    @cached_property
    def _argument_chars(self) -> int:
        """Counted for the first report: most inline calls end before any."""
        return len(json.dumps(self.call.arguments, default=str))

    async def close(self) -> None:
        """Ends the attempt in hand at the transport, which cancels work still going on."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._events.aclose()
        except Exception as error:
            logger.warning("could not end call %s in time: %r", self.call.call_id, error)

    async def _read(self, remaining_s: float) -> Event:
        try:
            async with asyncio.timeout(remaining_s) as self._scope:
                return await anext(self._events)
        except StopAsyncIteration:
            return self.call.failed(
                "protocol", f"{self.call.kind} ended without a result or an error"
            )
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            # Somebody cancelled the work, not us: futures pass that on as if we were meant.
            return self.call.failed(
                "worker_lost", f"the work of {self.call.kind} was cancelled", retryable=True
            )
        except Exception as error:
            if self._scope is not None and self._scope.expired():
                return self._too_late()
            logger.exception("transport failed in call %s", self.call.call_id)
            return self.call.failed("internal", f"the transport raised {error!r}")
        finally:
            self._scope = None

    def _too_late(self) -> Failed:
        if self._abort_reason is not None:
            return self.call.failed("cancelled", self._abort_reason)
        return self.call.failed(
            "deadline",
            f"{self.call.kind} did not answer within {self.route.timeout_s:g} s",
        )

    def _belongs(self, event: Event) -> bool:
        if not isinstance(event, Event):
            return False
        if event.call_id != self.call.call_id or event.attempt != self.call.attempt:
            return False
        return not (isinstance(event, Accepted) and self.worker is not None)

    def _ran_out_of_time(self, event: Event) -> bool:
        """Whether a worker at work says so: it knows what was left for it, not the whole."""
        return (
            isinstance(event, Failed) and event.code == "deadline" and self.worker is not None
        )

    def _observe(self, event: Event) -> None:
        if isinstance(event, Accepted):
            self.worker = event.worker
        elif isinstance(event, Progress):
            # What an event leaves open stays as it was: an absolute time does not age.
            if event.eta_s is not None and math.isfinite(event.eta_s):
                self._expected_at = self._clock() + max(event.eta_s, 0.0)
            if event.fraction is not None and math.isfinite(event.fraction):
                self._fraction = min(max(event.fraction, 0.0), 1.0)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
