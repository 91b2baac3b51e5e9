"""How many calls a replica takes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class QueueFullError(Exception):
    """Nobody may wait any more; the message names the limits that were met."""


class QueueTimeoutError(Exception):
    """No slot became free in time."""


class Admission:
    """Slots for running calls and a bounded queue before them, first come, first served.

    A limit of its own rather than Serve's ``max_ongoing_requests``, which would make the
    renewals of running calls wait behind calls that wait.

    Args:
        concurrency: Calls that run at the same time.
        queue_limit: Calls that may wait for one of them to end.
        on_change: Called with ``running`` and ``waiting`` whenever one of them changes.

    Attributes:
        running: Calls that have a slot.
        waiting: Calls that wait for one.

    Raises:
        ValueError: if a limit is too small.
    """

    def __init__(
        self,
        concurrency: int,
        queue_limit: int,
        on_change: Callable[[int, int], None] | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency={concurrency}: must be at least 1")
        if queue_limit < 0:
            raise ValueError(f"queue_limit={queue_limit}: must be 0 (no queue) or more")
        self.running = 0
        self.waiting = 0
        self._concurrency = concurrency
        self._queue_limit = queue_limit
        self._slots = asyncio.Semaphore(concurrency)
        self._on_change = on_change

    @asynccontextmanager
    async def slot(self, timeout_s: float) -> AsyncIterator[float]:
        """Holds a slot for the ``async with`` block; gives the seconds waited for it.

        Args:
            timeout_s: Longest wait.

        Raises:
            QueueFullError: at once, when all slots are taken and the queue is full.
            QueueTimeoutError: when the wait took too long.
        """
        if self._slots.locked() and self.waiting >= self._queue_limit:
            raise QueueFullError(
                f"{self.running} calls run (concurrency={self._concurrency}) and "
                f"{self.waiting} wait (queue_limit={self._queue_limit}); try again later, "
                "or raise concurrency, queue_limit or num_replicas of this augmentation"
            )
        waited_s = await self._acquire(timeout_s)
        self._change(running=1)
        try:
            yield waited_s
        finally:
            self._change(running=-1)
            self._slots.release()

    async def _acquire(self, timeout_s: float) -> float:
        loop = asyncio.get_running_loop()
        arrived_at = loop.time()
        self._change(waiting=1)
        try:
            async with asyncio.timeout(timeout_s):
                await self._slots.acquire()
        except TimeoutError:
            raise QueueTimeoutError(f"no slot within {timeout_s:g} s") from None
        finally:
            self._change(waiting=-1)
        return loop.time() - arrived_at

    def _change(self, *, running: int = 0, waiting: int = 0) -> None:
        self.running += running
        self.waiting += waiting
        if self._on_change is not None:
            self._on_change(self.running, self.waiting)
