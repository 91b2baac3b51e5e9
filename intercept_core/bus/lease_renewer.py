"""Keeps the leases of live calls alive."""

import asyncio
import contextvars
import logging
from collections.abc import Mapping

from intercept_core.bus.live_call import LiveCall
from intercept_core.bus.messages import Renewal
from intercept_core.bus.route import Route

logger = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 3
"""Two renewals in a row may be lost before a lease runs out."""


class LeaseRenewer:
    """Sends one renewal per worker for all the calls it holds, every third of a lease.

    A timer per kind runs from the first accepted call of that kind until a tick finds none;
    no task exists unless a renewal is on its way, so calls that are answered at once cost
    nothing here.

    Args:
        live_calls: The calls to keep alive, by id; read at every tick.
    """

    def __init__(self, live_calls: Mapping[str, LiveCall]) -> None:
        self._live_calls = live_calls
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def watch(self, kind: str, route: Route) -> None:
        """Sees to it that leases of ``kind`` are renewed from now on."""
        if kind not in self._timers:
            # An empty context: what belongs to the request that happens to come first
            # (Ray Serve cancels a request's calls with it) must not follow the renewals.
            self._timers[kind] = asyncio.get_running_loop().call_later(
                route.lease_s / RENEWALS_PER_LEASE,
                self._tick,
                kind,
                route,
                context=contextvars.Context(),
            )

    async def close(self) -> None:
        """Stops the timers and the renewals on their way."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        sending = list(self._sending)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)

    def _tick(self, kind: str, route: Route) -> None:
        del self._timers[kind]
        call_ids_by_worker: dict[str, list[str]] = {}
        for call_id, live in self._live_calls.items():
            if live.call.kind == kind and live.worker is not None:
                call_ids_by_worker.setdefault(live.worker, []).append(call_id)
        for worker, call_ids in call_ids_by_worker.items():
            renewal = Renewal(worker=worker, call_ids=tuple(call_ids), lease_s=route.lease_s)
            task = asyncio.get_running_loop().create_task(self._send(kind, route, renewal))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        if call_ids_by_worker:
            self.watch(kind, route)

    async def _send(self, kind: str, route: Route, renewal: Renewal) -> None:
        try:
            async with asyncio.timeout(route.lease_s / RENEWALS_PER_LEASE):
                await route.transport.renew(kind, renewal)
        except Exception as error:
            logger.debug("renewal for %s at %s was lost: %r", kind, renewal.worker, error)
