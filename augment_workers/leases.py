"""Which calls a worker still owes to someone, so that work without a caller stops."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from intercept_core.bus.messages import Call

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class WorkEnded(Exception):
    """The work was stopped from outside.

    Args:
        code: The ``Failed.code`` that says why: ``deadline``, ``lease_expired`` or
            ``cancelled``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Lease:
    """One call's right to run; :meth:`run` does a piece of its work.

    Attributes:
        expiry_s: When the right ends, on the clock of its :class:`Leases`.
        ended: The code with which it ended early; None while it lives.
    """

    def __init__(self, call_id: str, expiry_s: float = math.inf) -> None:
        self.call_id = call_id
        self.expiry_s = expiry_s
        self.ended: str | None = None
        self._scope: asyncio.Timeout | None = None

    async def run(self, step: Callable[[], Awaitable[_T]], deadline_s: float) -> _T:
        """Awaits ``step()``, cancelling it at the deadline and when the lease ends.

        Args:
            deadline_s: On the clock of the running loop.

        Raises:
            WorkEnded: when it was cancelled, however the step took it, or is too late to
                begin.
        """
        if self.ended is not None or asyncio.get_running_loop().time() >= deadline_s:
            raise WorkEnded(self.ended or "deadline")
        scope = self._scope = asyncio.timeout_at(deadline_s)
        try:
            async with scope:
                value = await step()
        except Exception as error:
            # Otherwise it is the step's own, such as the TimeoutError of a socket.
            if not scope.expired():
                raise
            raise WorkEnded(self.ended or "deadline") from error
        finally:
            self._scope = None
        if scope.expired():
            raise WorkEnded(self.ended or "deadline")
        return value

    def end(self, code: str) -> None:
        """Cancels the work under way and refuses further work."""
        if self.ended is None:
            self.ended = code
            if self._scope is not None and not self._scope.expired():
                self._scope.reschedule(asyncio.get_running_loop().time())


class Leases:
    """The leases that one worker has granted, watched by a single timer.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, Lease] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_s = math.inf

    @property
    def held(self) -> int:
        """Calls at work."""
        return len(self._held)

    @contextmanager
    def hold(self, call: Call) -> Iterator[Lease]:
        """Grants ``call`` a lease of ``call.lease_s`` seconds for the ``with`` block.

        Another attempt of the same call takes the place of the earlier one, which is
        cancelled: its caller has given it up.
        """
        self.cancel(call.call_id)
        lease = Lease(call.call_id, self._clock() + call.lease_s)
        self._held[call.call_id] = lease
        self._watch(lease.expiry_s)
        try:
            yield lease
        finally:
            if self._held.get(call.call_id) is lease:
                del self._held[call.call_id]

    def renew(self, call_ids: Iterable[str], lease_s: float) -> None:
        """Lets these calls run for another ``lease_s`` seconds; unknown ones are ignored."""
        expiry_s = self._clock() + lease_s
        for call_id in call_ids:
            if (lease := self._held.get(call_id)) is not None:
                lease.expiry_s = expiry_s
                self._watch(expiry_s)

    def cancel(self, call_id: str) -> None:
        """Stops one call; an unknown one is ignored."""
        if (lease := self._held.get(call_id)) is not None:
            lease.end("cancelled")

    def sweep(self) -> None:
        """Stops the calls whose lease has run out, and sets the timer for the others."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_due_s = None, math.inf
        now_s = self._clock()
        for lease in list(self._held.values()):
            if lease.ended is None and lease.expiry_s <= now_s:
                _log.warning("Call %s stops: nobody renewed its lease.", lease.call_id)
                lease.end("lease_expired")
        living = [lease.expiry_s for lease in self._held.values() if lease.ended is None]
        self._watch(min(living, default=math.inf))

    def close(self) -> None:
        """Stops all calls and the timer."""
        for call_id in list(self._held):
            self.cancel(call_id)
        self.sweep()

    def _watch(self, expiry_s: float) -> None:
        """Makes sure that a sweep comes at ``expiry_s`` or earlier."""
        if expiry_s >= self._timer_due_s:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_s = expiry_s
        delay_s = max(0.0, expiry_s - self._clock())
        self._timer = asyncio.get_running_loop().call_later(delay_s, self.sweep)
