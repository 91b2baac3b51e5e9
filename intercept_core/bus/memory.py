"""A transport to handlers on the same event loop."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

from intercept_core.bus.messages import Call, Cancellation, Event, Renewal
from intercept_core.bus.transport import BusTransport

logger = logging.getLogger(__name__)

Handler = Callable[[Call], AsyncIterator[Event]]
"""Does the work of a call in the caller's process."""


class InMemoryTransport(BusTransport):
    """Runs augmentations inline, where a message to another process would cost more than
    the work (the calculator), and stands in for remote workers in tests.

    The handler runs in the task that iterates ``submit``, so no task is made per call. In
    return a handler must end soon after it is cancelled and must not block the loop.

    Args:
        handlers: What answers each kind.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = dict(handlers)
        self._running: dict[str, _Running] = {}

    async def submit(self, call: Call) -> AsyncGenerator[Event, None]:
        handler = self._handlers.get(call.kind)
        if handler is None:
            known = ", ".join(sorted(self._handlers)) or "none"
            yield call.failed(
                "unknown_tool", f"no tool is called {call.kind!r}; known tools: {known}"
            )
            return
        running = self._running[call.call_id] = _Running(handler(call))
        try:
            while (event := await self._next(call, running)) is not None:
                yield event
        finally:
            self._running.pop(call.call_id, None)
            await running.close()

    async def renew(self, kind: str, renewal: Renewal) -> None:
        """Does nothing: caller and work share a process, none outlives the other."""

    async def cancel(self, kind: str, cancellation: Cancellation) -> None:
        running = self._running.get(cancellation.call_id)
        if running is not None:
            running.cancel()

    async def close(self) -> None:
        for running in list(self._running.values()):
            running.cancel()

    async def _next(self, call: Call, running: "_Running") -> Event | None:
        """The handler's next event; None after its last."""
        try:
            return await running.next()
        except StopAsyncIteration:
            return None
        except _WorkCancelled:
            running.finished = True
            return call.failed("cancelled", f"{call.kind} was cancelled")
        except Exception as error:
            running.finished = True
            logger.exception("%s failed in call %s", call.kind, call.call_id)
            return call.failed("internal", f"{call.kind} raised {type(error).__name__}")


class _WorkCancelled(Exception):
    """The work was cancelled by message, its caller was not."""


class _Running:
    """One handler at work, cancellable from another task than the one that runs it."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._scope: asyncio.Timeout | None = None
        self._cancelled = False
        self.finished = False

    async def next(self) -> Event:
        if self.finished:
            raise StopAsyncIteration
        if self._cancelled:
            raise _WorkCancelled
        try:
            # A timeout without a time is a cancel scope: `cancel` moves it to now.
            async with asyncio.timeout(None) as self._scope:
                return await anext(self._events)
        except TimeoutError:
            if self._cancelled:
                raise _WorkCancelled from None
            raise
        finally:
            self._scope = None

    def cancel(self) -> None:
        self._cancelled = True
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(asyncio.get_running_loop().time())

    async def close(self) -> None:
        if isinstance(self._events, AsyncGenerator):
            await self._events.aclose()
