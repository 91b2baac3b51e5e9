"""Taking memory from waiting contexts before a running request loses its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vllm.utils.math_utils import cdiv
from vllm.v1.request import Request, RequestStatus

from intercept_core.scheduler.parked import Parked

if TYPE_CHECKING:
    from intercept_core.scheduler.mixin import InterceptMixin

AllocateSlots = Callable[..., Any]

SPARE_STEP_BLOCKS = 8
"""Mirrored blocks that are let go at a time: what stays need not be copied back."""


def reclaiming(
    allocate_slots: AllocateSlots, reclaim_one: Callable[[Request], bool]
) -> AllocateSlots:
    """Wraps ``KVCacheManager.allocate_slots`` so that a refusal is tried again.

    vLLM preempts a running request when ``allocate_slots`` returns None. The wrapped one
    returns None only when ``reclaim_one`` has nothing left to free.
    """

    def allocate_or_reclaim(request: Request, *args: Any, **kwargs: Any) -> Any:
        blocks = allocate_slots(request, *args, **kwargs)
        while blocks is None and reclaim_one(request):
            blocks = allocate_slots(request, *args, **kwargs)
        return blocks

    return allocate_or_reclaim


class MemoryPressure:
    """Chooses whose blocks a request gets that finds none free.

    In this order: device blocks of parked contexts that the host has too; whole parked
    contexts, least worth first; contexts on their way back, then waiting holders of blocks,
    that stand behind the requester, the last of them first. Without the latter two half
    returned requests could each wait for the other's blocks. For a request that is not
    running yet nothing is taken unless it will fit then.
    """

    def __init__(self, scheduler: "InterceptMixin") -> None:
        self._scheduler = scheduler

    def reclaim_one(self, requester: Request) -> bool:
        """Frees something for ``requester``; False if there is nothing it may take."""
        scheduler = self._scheduler
        if requester.status != RequestStatus.RUNNING and not self._would_fit(requester):
            return False
        if (spare := scheduler.parked.spare_victim()) is not None:
            least = spare.first_host_block
            scheduler.device.shrink(spare, max(spare.device_blocks - SPARE_STEP_BLOCKS, least))
            scheduler.telemetry.reclaimed_mirrors += 1
            return True
        if self._may_take_parked(requester):
            victim = scheduler.parked.victim()
            if victim is not None:
                scheduler.discard(victim)
                scheduler.telemetry.reclaimed += 1
                return True
        return self._take_from_behind(requester)

    def _may_take_parked(self, requester: Request) -> bool:
        scheduler = self._scheduler
        return (
            requester.status == RequestStatus.RUNNING
            or scheduler.intercept_policy.yields
            # With nobody running memory would wait for an augmentation, maybe a human.
            or not scheduler.running
        )

    def _would_fit(self, requester: Request) -> bool:
        scheduler = self._scheduler
        groups = len(scheduler.kv_cache_config.kv_cache_groups)
        needed = cdiv(requester.num_tokens, scheduler.block_size) * groups
        needed -= scheduler.device.held(requester) + scheduler.device.free
        if needed > 0 and self._may_take_parked(requester):
            needed -= scheduler.parked.held_blocks
        if needed > 0:
            needed -= sum(p.device_blocks for p in self._returning_behind(requester))
        if needed > 0:
            needed -= sum(map(scheduler.device.held, self._holders_behind(requester)))
        return needed <= 0

    def _take_from_behind(self, requester: Request) -> bool:
        scheduler = self._scheduler
        returning = self._returning_behind(requester)
        if returning:
            scheduler.send_back(returning[-1])
        elif holders := self._holders_behind(requester):
            self.release(max(holders, key=scheduler.place))
        else:
            return False
        scheduler.telemetry.reclaimed += 1
        return True

    def _returning_behind(self, requester: Request) -> list[Parked]:
        scheduler = self._scheduler
        if scheduler.swapper is None:
            return []
        place = scheduler.place(requester)
        return [
            parked
            for parked in scheduler.swapper.returning
            if parked.device_blocks
            and parked.copy is None
            and scheduler.place(parked.request) > place
        ]

    def _holders_behind(self, requester: Request) -> list[Request]:
        place = self._scheduler.place(requester)
        return [r for r in self.waiting_holders() if self._scheduler.place(r) > place]

    def waiting_holders(self) -> list[Request]:
        """Requests that wait to be scheduled with blocks in hand."""
        return [
            request
            for request in self._scheduler.kv_holding_waiting
            if request.status == RequestStatus.WAITING
        ]

    def release(self, holder: Request) -> None:
        """Takes all blocks of a waiting holder; it keeps its place."""
        scheduler = self._scheduler
        scheduler.kv_holding_waiting.remove_request(holder)
        scheduler._free_request_blocks(holder)
        holder.num_computed_tokens = 0
        scheduler.insert_by_arrival(holder)
