"""Moves contexts between device and host, a bounded number of blocks an iteration."""

import itertools
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vllm.v1.request import Request

from intercept_core.policy.types import Disposition
from intercept_core.scheduler.device_blocks import DeviceBlocks
from intercept_core.scheduler.parked import Parked
from intercept_core.scheduler.telemetry import Telemetry
from intercept_core.swap.block_copy import BlockCopy
from intercept_core.swap.connector import InterceptConnector
from intercept_core.swap.host_pool import HostPool

EVICTION_SCAN = 256
"""Most owners of host copies that are looked at to find the one of least worth."""

COPIED = (Disposition.MIRROR, Disposition.SWAP)  # no set: an enum hashes slowly


@dataclass(frozen=True, slots=True)
class FinishedCopy:
    """A copy that all workers have made.

    Attributes:
        parked: The context.
        to_host: Its direction.
        blocks: How many were copied.
        seconds: What it took.
        returned: Whether the context is now complete on the device, or given up.
        aborted: Whether its request ended meanwhile: its blocks have to be freed.
    """

    parked: Parked
    to_host: bool
    blocks: int
    seconds: float
    returned: bool = False
    aborted: bool = False


class Swapper:
    """Owns the host pool and every copy in flight.

    A context never has two copies in flight. One to the host only reads blocks that nothing
    writes, so its context may resume or go at any moment: the copy is an orphan then, whose
    host slots are free when it ends. One to the device writes blocks: they stay allocated
    until it ends, whatever becomes of the request.

    Attributes:
        pool: The host's slots.
        returning: Requests whose result has come and whose context is not complete on the
            device, in the order of their places.
        refused: The first of them that found no memory in this iteration.
        blocks_in_flight: Blocks of all copies in flight.
    """

    def __init__(
        self,
        connector: InterceptConnector,
        device: DeviceBlocks,
        telemetry: Telemetry,
        place: Callable[[Request], Any],
    ) -> None:
        self._connector = connector
        self._device = device
        self._telemetry = telemetry
        self._place = place
        self._copies: dict[int, tuple[BlockCopy, Parked]] = {}
        self._copy_ids = itertools.count()
        self._latest: list[Parked] = []
        self._wanted: dict[str, Parked] = {}
        self._on_host: dict[str, Parked] = {}
        self._aborted: set[str] = set()
        self._has_news = False
        self._is_full = False
        self.pool = HostPool(connector.host_blocks)
        self.returning: list[Parked] = []
        self.refused: Parked | None = None
        self.blocks_in_flight = 0

    def busy(self, *, paused: bool = False) -> bool:
        """Whether the engine has to step for copies, though nothing runs."""
        return bool(self._copies) or (not paused and bool(self.returning or self._has_news))

    @property
    def holds_contexts(self) -> bool:
        """Whether the host has parts of contexts, or is about to."""
        return bool(self._on_host or self.returning or self._copies)

    @property
    def copying_in(self) -> bool:
        """Whether copies to the device are being made."""
        return any(not copy.to_host for copy, _ in self._copies.values())

    @property
    def copying_out(self) -> bool:
        """Whether copies to the host are being made, or will be with the next iteration."""
        waiting = self._wanted and not self._is_full
        return bool(waiting) or any(copy.to_host for copy, _ in self._copies.values())

    @property
    def lanes(self) -> int:
        """Copies that are made at a time."""
        return self._connector.lanes

    @property
    def blocks_to_host(self) -> int:
        """Blocks of the copies to the host that are in flight."""
        return sum(len(copy.host_blocks) for copy, _ in self._copies.values() if copy.to_host)

    # -- what the policy wants ---------------------------------------------------------

    def apply(self, answers: list[Parked]) -> None:
        """Takes the contexts of the policy's latest answer, in its order."""
        self._latest = [parked for parked in answers if self._copyable(parked)]
        for parked in answers:
            if parked.disposition is Disposition.SWAP and parked.spare_blocks:
                self._device.shrink(parked, parked.first_host_block)
            if parked.disposition not in COPIED:
                self._wanted.pop(parked.request_id, None)
        for parked in self._latest:
            if parked.request_id not in self._wanted:
                self._wanted[parked.request_id] = parked
                self._has_news = True

    def _copyable(self, parked: Parked) -> bool:
        return (
            parked.disposition in COPIED and 0 < parked.first_host_block <= parked.device_blocks
        )

    # -- copies ------------------------------------------------------------------------

    def collect(self) -> list[FinishedCopy]:
        """Takes the copies that have ended, and moves the contexts' borders accordingly."""
        return [
            self._finish(*self._copies.pop(copy_id), seconds)
            for copy_id, seconds in self._connector.take_finished()
        ]

    def _finish(self, copy: BlockCopy, parked: Parked, seconds: float) -> FinishedCopy:
        count = len(copy.host_blocks)
        self.blocks_in_flight -= count
        if copy.to_host:
            self._has_news = True
            if parked.copy is copy:
                parked.copy = None
                self._copied_out(parked, copy)
            else:
                self.pool.give_back(copy.host_blocks)
            return FinishedCopy(parked, copy.to_host, count, seconds)
        self._device.account(parked)
        parked.copy = None
        if parked.request_id in self._aborted:
            self._aborted.discard(parked.request_id)
            self._free_host(parked)
            return FinishedCopy(parked, copy.to_host, count, seconds, aborted=True)
        return FinishedCopy(
            parked, copy.to_host, count, seconds, returned=self._copied_in(parked, count)
        )

    def _copied_out(self, parked: Parked, copy: BlockCopy) -> None:
        count = len(copy.host_blocks)
        parked.host_slots.extend(copy.host_blocks)
        parked.swapped_out += count
        self._telemetry.blocks_swapped_out += count
        self._on_host[parked.request_id] = parked
        if not parked.first_host_block:
            self._wanted.pop(parked.request_id, None)
        if parked.disposition is Disposition.SWAP:
            self._device.shrink(parked, parked.first_host_block)
        else:
            self._device.moved(parked)

    def _copied_in(self, parked: Parked, count: int) -> bool:
        parked.swapped_in += count
        self._telemetry.blocks_swapped_in += count
        if parked.disposition is Disposition.DISCARD:  # given up on the way
            self.drop(parked)
            self._device.shrink(parked, 0)
            return True
        parked.device_blocks += count
        parked.request.num_computed_tokens = min(
            parked.context_tokens, parked.device_blocks * self._device.block_tokens
        )
        if parked.device_blocks < parked.blocks:
            return False
        self.drop(parked)
        return True

    def _order(
        self, parked: Parked, *, to_host: bool, ids: list[int], slots: list[int]
    ) -> None:
        copy = BlockCopy(
            copy_id=next(self._copy_ids),
            to_host=to_host,
            device_blocks=tuple(ids),
            host_blocks=tuple(slots),
        )
        parked.copy = copy
        self._copies[copy.copy_id] = (copy, parked)
        self.blocks_in_flight += len(ids)
        self._connector.order(copy)

    def copy_out(self, budget: int) -> int:
        """Starts copies of wanted contexts, tail first; returns how many blocks."""
        self._has_news = False
        self._is_full = False
        started = 0
        for parked in itertools.chain(self._latest, list(self._wanted.values())):
            if started >= budget:
                break
            if parked.copy is not None or parked.request_id not in self._wanted:
                continue
            if not self._copyable(parked):
                del self._wanted[parked.request_id]
                continue
            end = parked.first_host_block
            count = min(budget - started, end)
            if self.pool.free < count and not self._make_room(parked, count):
                count = self.pool.free
                if not count:
                    self._is_full = True
                    break
            ids = self._device.ids(parked.request, end - count, count)
            self._order(parked, to_host=True, ids=ids[::-1], slots=self.pool.take(count))
            started += count
        return started

    def _make_room(self, parked: Parked, count: int) -> bool:
        owners = itertools.islice(self._on_host.values(), EVICTION_SCAN)
        least = min(owners, key=lambda owner: owner.worth, default=None)
        if least is None or least is parked or least.worth >= parked.worth:
            return False
        self._telemetry.host_evictions += 1
        self.evict(least)
        return self.pool.free >= count

    # -- the way back ------------------------------------------------------------------

    def bring_back(self, parked: Parked) -> None:
        """Queues a resumed context whose missing blocks the host has."""
        self._stop_copying(parked)
        self._on_host.pop(parked.request_id, None)  # not to be evicted any more
        insort(self.returning, parked, key=lambda p: self._place(p.request))

    def copy_in(self, budget: int, allocate: Callable[[Request, int], bool]) -> int:
        """Starts copies of returning contexts, lowest missing block first.

        Args:
            budget: Most blocks to copy.
            allocate: Gets device blocks for a request and this many further tokens.

        Returns:
            How many blocks are on their way.
        """
        started = 0
        refused, self.refused = self.refused, None
        for parked in list(self.returning):
            if started >= budget:
                if refused in self.returning:
                    self.refused = refused  # not asked again, so nobody may pass it
                break
            if parked.copy is not None or parked not in self.returning:
                continue  # the second: reclaimed for one before it
            first = parked.device_blocks
            count = min(budget - started, parked.blocks - first)
            end_tokens = min(parked.context_tokens, (first + count) * self._device.block_tokens)
            if not allocate(parked.request, end_tokens - parked.request.num_computed_tokens):
                self.refused = parked
                break
            ids = self._device.ids(parked.request, first, count)
            last = parked.blocks - 1
            slots = [parked.host_slots[last - index] for index in range(first, first + count)]
            self._device.account(parked)
            self._order(parked, to_host=False, ids=ids, slots=slots)
            started += count
        return started

    def send_back(self, parked: Parked) -> bool:
        """Takes device blocks of a context on its way back: those that the host has too or, if
        there are none, its beginning, which nobody else has.

        Returns:
            Whether it is still on its way; if not, all of it has to be computed again.
        """
        if parked.spare_blocks:
            self._device.shrink(parked, parked.first_host_block)
            return True
        self.drop(parked)
        self._device.shrink(parked, 0)
        return False

    # -- letting go --------------------------------------------------------------------

    def drop(self, parked: Parked) -> None:
        """Forgets the host's part of a context, which is complete or lost."""
        self._stop_copying(parked)
        self._free_host(parked)
        if parked in self.returning:
            self.returning.remove(parked)

    def give_up_returning(self) -> list[Request]:
        """Loses the contexts on their way back; returns whose requests can queue at once.

        Those with a copy in flight follow when it has ended.
        """
        lost = [parked for parked in self.returning if parked.copy is None]
        for parked in self.returning:
            parked.become(Disposition.DISCARD)
        for parked in lost:
            self.drop(parked)
            self._device.shrink(parked, 0)
        return [parked.request for parked in lost]

    def evict(self, parked: Parked) -> None:
        """Takes a parked context's host copies; what only the host had is lost."""
        self.drop(parked)
        parked.blocks = parked.device_blocks
        kept = Disposition.PRESERVE if parked.device_blocks else Disposition.DISCARD
        if parked.disposition is not kept:
            parked.become(kept)
        self._device.moved(parked)

    def abort_return(self, request: Request) -> bool:
        """Forgets a returning context; True if its blocks must stay until a copy has ended."""
        parked = next((p for p in self.returning if p.request is request), None)
        if parked is None:
            return False
        if parked.copy is None:
            self.drop(parked)
            return False
        self.returning.remove(parked)
        self._aborted.add(parked.request_id)
        return True

    def _stop_copying(self, parked: Parked) -> None:
        self._wanted.pop(parked.request_id, None)
        if parked.copy is not None and parked.copy.to_host:
            parked.copy = None

    def _free_host(self, parked: Parked) -> None:
        self.pool.give_back(parked.host_slots)
        parked.host_slots.clear()
        self._on_host.pop(parked.request_id, None)
