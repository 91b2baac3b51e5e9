"""The bus: from an intercepted generation to its augmentation and back."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from typing import Any

from intercept_core.bus.eta_pusher import EtaPusher, EtaSink
from intercept_core.bus.lease_renewer import LeaseRenewer
from intercept_core.bus.live_call import LiveCall
from intercept_core.bus.messages import (
    Accepted,
    Call,
    EtaReport,
    Event,
    Failed,
    Outcome,
    Progress,
    Result,
)
from intercept_core.bus.observer import (
    ABANDONED,
    SUCCEEDED,
    UNKNOWN,
    BusObserver,
    Unobserved,
)
from intercept_core.bus.route import Route
from intercept_core.bus.stats import BusStats

logger = logging.getLogger(__name__)


def _random_id() -> str:
    return os.urandom(16).hex()


class InterceptBus:
    """Sends calls to augmentations and brings back exactly one outcome for each.

    One instance serves all the requests of a replica, on one event loop.

    Args:
        routes: How the calls of each kind travel.
        eta_sink: Where live expectations go, at most every 50 ms; None to push none.
        observer: Who is told what happens to calls.
        clock: Monotonic seconds.
        new_id: Makes the ids of calls; no two alike.
        grace_s: Seconds past a deadline that the worker has to report it by itself.
        retry_backoff_s: Seconds between a failed attempt and the next.
        close_timeout_s: Seconds that ``close`` gives to dispatches and transports each.

    Attributes:
        stats: What this bus has done so far.
    """

    def __init__(
        self,
        routes: Mapping[str, Route],
        *,
        eta_sink: EtaSink | None = None,
        observer: BusObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = _random_id,
        grace_s: float = 0.5,
        retry_backoff_s: float = 0.05,
        close_timeout_s: float = 2.0,
    ) -> None:
        self.stats = BusStats()
        self._routes = dict(routes)
        self._observer = observer or Unobserved()
        self._clock = clock
        self._new_id = new_id
        self._grace_s = grace_s
        self._retry_backoff_s = retry_backoff_s
        self._close_timeout_s = close_timeout_s
        self._live: dict[str, LiveCall] = {}
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._renewer = LeaseRenewer(self._live)
        self._pusher = None if eta_sink is None else EtaPusher(self._report_of, eta_sink)

    async def dispatch(
        self,
        kind: str,
        arguments: Mapping[str, Any],
        *,
        request_id: str,
        session_id: str,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Has an augmentation do one piece of work.

        Closing the generator, or cancelling the task that iterates it, cancels the work.

        Args:
            kind: Name of the augmentation.
            arguments: As the model wrote them; the worker checks them.
            request_id: The request that waits for the result.
            session_id: The conversation whose state the augmentation keeps.
            timeout_s: An earlier deadline than the kind's, in seconds; None for the kind's.

        Yields:
            ``Accepted`` and ``Progress`` events of every attempt, then exactly one
            ``Result`` or ``Failed``.

        Raises:
            asyncio.CancelledError: when the caller's task is cancelled. Nothing else: what
                goes wrong is a ``Failed``.
        """
        self.stats.dispatched += 1
        live_or_failed = self._open(kind, arguments, request_id, session_id, timeout_s)
        if isinstance(live_or_failed, Failed):
            self._count(kind, live_or_failed)
            yield live_or_failed
            return
        live = live_or_failed
        outcome: Outcome | None = None
        try:
            while outcome is None:
                event = await live.next_event()
                if isinstance(event, Failed) and live.can_retry(event, self._retry_backoff_s):
                    await self._retry(live, event)
                elif isinstance(event, Result | Failed):
                    outcome = event
                else:
                    self._note(live, event)
                    yield event
        finally:
            self._forget(live)
            self._count(kind, outcome)
            await live.close()
        yield outcome

    def refused(self, kind: str, code: str) -> None:
        """Counts a call that the caller has refused by itself, as failed with ``code``."""
        self.stats.dispatched += 1
        self.stats.failed[code] += 1
        self._observer.ended(kind if kind in self._routes else UNKNOWN, code)

    @property
    def kinds(self) -> frozenset[str]:
        """Names of the augmentations that can be called."""
        return frozenset(self._routes)

    def ends_on_timeout(self, kind: str) -> bool:
        """Whether a request ends whose call of ``kind`` misses its deadline."""
        route = self._routes.get(kind)
        return route is not None and route.ends_on_timeout

    def result_limit_tokens(self, kind: str) -> int | None:
        """The most tokens of a result of ``kind``; None for any number."""
        route = self._routes.get(kind)
        return None if route is None else route.result_limit_tokens

    def eta_reports(self) -> list[EtaReport]:
        """What is expected of every live call."""
        return [live.eta_report() for live in self._live.values()]

    async def close(self) -> None:
        """Ends all dispatches with ``Failed`` (code ``cancelled``) and closes the transports.

        Safe to call twice. Takes at most ``close_timeout_s`` for the dispatches and as much
        for the transports.
        """
        if self._closed:
            return
        self._closed = True
        for live in self._live.values():
            live.abort("the server is shutting down")
        try:
            async with asyncio.timeout(self._close_timeout_s):
                await self._idle.wait()
        except TimeoutError:
            logger.warning("%d calls did not end with the bus", len(self._live))
        await self._renewer.close()
        if self._pusher is not None:
            await self._pusher.close()
        try:
            async with asyncio.timeout(self._close_timeout_s):
                await self._close_transports()
        except TimeoutError:
            logger.warning("transports did not close in %g s", self._close_timeout_s)

    async def _close_transports(self) -> None:
        transports = {id(r.transport): r.transport for r in self._routes.values()}
        results = await asyncio.gather(
            *(transport.close() for transport in transports.values()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, Exception):
                logger.warning("a transport did not close: %r", result)

    def _open(
        self,
        kind: str,
        arguments: Mapping[str, Any],
        request_id: str,
        session_id: str,
        timeout_s: float | None,
    ) -> LiveCall | Failed:
        """Starts a call, or says why there is none to start."""
        route = self._routes.get(kind)
        if route is not None and timeout_s is not None:
            route = replace(route, timeout_s=min(timeout_s, route.timeout_s))
        call = Call(
            call_id=self._new_id(),
            request_id=request_id,
            session_id=session_id,
            kind=kind,
            arguments=arguments,
            timeout_s=0.0 if route is None else route.timeout_s,
            lease_s=0.0 if route is None else route.lease_s,
        )
        if route is None:
            known = ", ".join(sorted(self._routes)) or "none"
            message = f"no tool is called {kind!r}; known tools: {known}"
            return call.failed("unknown_tool", message)
        if self._closed:
            return call.failed("cancelled", "the server is shutting down")
        live = LiveCall(call, route, clock=self._clock, grace_s=self._grace_s, stats=self.stats)
        self._live[call.call_id] = live
        self._idle.clear()
        return live

    async def _retry(self, live: LiveCall, failure: Failed) -> None:
        logger.info(
            "call %s (%s) goes out again after %s: %s",
            live.call.call_id,
            live.call.kind,
            failure.code,
            failure.message,
        )
        self.stats.retried += 1
        self._observer.retried(live.call.kind)
        await live.retry(self._retry_backoff_s)

    def _note(self, live: LiveCall, event: Accepted | Progress) -> None:
        if isinstance(event, Accepted):
            self._observer.began(live.call.kind, self._clock() - live.since_s)
            self._renewer.watch(live.call.kind, live.route)
        if self._pusher is not None:
            self._pusher.mark(live.call.call_id)

    def _forget(self, live: LiveCall) -> None:
        self._live.pop(live.call.call_id, None)
        if not self._live:
            self._idle.set()

    def _count(self, kind: str, outcome: Outcome | None) -> None:
        if outcome is None:
            self.stats.abandoned += 1
            word = ABANDONED
        elif isinstance(outcome, Result):
            self.stats.succeeded += 1
            word = SUCCEEDED
        else:
            self.stats.failed[outcome.code] += 1
            word = outcome.code
        self._observer.ended(kind if kind in self._routes else UNKNOWN, word)

    def _report_of(self, call_id: str) -> EtaReport | None:
        live = self._live.get(call_id)
        return None if live is None else live.eta_report()
