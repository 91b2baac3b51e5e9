"""Taking memory from waiting contexts before a running request loses its own."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vllm.utils.math_utils import cdiv
from vllm.v1.core.kv_cache_manager import KVCacheBlocks
from vllm.v1.core.single_type_kv_cache_manager import SingleTypeKVCacheManager
from vllm.v1.request import Request, RequestStatus

from intercept_core.scheduler.parked import Parked

if TYPE_CHECKING:
    from intercept_core.scheduler.mixin import InterceptMixin

AllocateSlots = Callable[..., Any]

STEP_BLOCKS = 8
"""Fewest blocks that are taken at a time. What stays need not be restored, so no more are taken
than are needed, but for a few that the requester will need next."""
HEADROOM_TOKENS = 32
"""By how much each running request can grow before it needs memory from others."""
PATIENCE_ITERATIONS = 100
"""How often a request is refused before it may take from those who came after it."""


def reclaiming(allocate_slots: AllocateSlots, pressure: "MemoryPressure") -> AllocateSlots:
    """Wraps ``KVCacheManager.allocate_slots`` so that a refusal is tried again.

    vLLM preempts a running request when ``allocate_slots`` returns None. The wrapped one
    returns None only when there is nothing that the request may take.
    """

    def allocate_or_reclaim(
        request: Request,
        num_new_tokens: int,
        num_new_computed_tokens: int = 0,
        new_computed_blocks: KVCacheBlocks | None = None,
        **kwargs: Any,
    ) -> Any:
        args = (request, num_new_tokens, num_new_computed_tokens, new_computed_blocks)
        running = request.status == RequestStatus.RUNNING
        if running and (blocks := allocate_slots(*args, **kwargs)) is not None:
            return blocks  # nothing has to be taken, and there is nobody to be forgotten
        if not running and pressure.must_wait(request):
            return None
        pressure.found = new_computed_blocks
        pressure.set_headroom(request)
        blocks = None if running else allocate_slots(*args, **kwargs)
        while blocks is None and pressure.reclaim_one(request):
            blocks = allocate_slots(*args, **kwargs)
        if blocks is not None:
            pressure.forget(request.request_id)
        return blocks

    return allocate_or_reclaim


class MemoryPressure:
    """Chooses whose blocks a request gets that finds none free.

    In this order: device blocks of parked contexts that the host has too; the ends of parked
    contexts, least worth first; the ends of contexts on their way back, then of waiting
    holders of blocks, that stand behind the requester, the last of them first.

    A running request takes them all, as it would lose its own context otherwise. One that
    waits to be scheduled takes nothing unless it will fit then, waits for copies that are under
    way, leaves parked contexts that the policy keeps, and takes from those behind it only when
    it has been refused for long, or nobody runs: two half returned requests could each wait
    for the other's blocks.

    Attributes:
        found: What the prefix cache has for the requester.
    """

    def __init__(self, scheduler: "InterceptMixin") -> None:
        self._scheduler = scheduler
        self.found: KVCacheBlocks | None = None
        self._refusals: dict[str, int] = {}
        self._watermark = scheduler.kv_cache_manager.watermark_blocks
        self._headroom = 0

    def reclaim_one(self, requester: Request) -> bool:
        """Frees something for ``requester``; False if there is nothing it may take."""
        if requester.status == RequestStatus.RUNNING or self._would_fit(requester):
            step = max(self._needed(requester), STEP_BLOCKS)
            if self._take(requester, step):
                return True
        if requester.status != RequestStatus.RUNNING:
            refusals = self._refusals.get(requester.request_id, 0)
            self._refusals[requester.request_id] = refusals + 1
        return False

    def must_wait(self, requester: Request) -> bool:
        """Whether one that holds nothing yet may not begin, and those behind it neither.

        A context on its way back that comes earlier is in none of vLLM's queues, so that
        whoever is would take each block that becomes free before there are enough.
        """
        scheduler = self._scheduler
        if scheduler.device.held(requester):
            return False
        if scheduler.swapper is None or scheduler.swapper.refused is None:
            return False
        return scheduler.place(requester) > scheduler.place(scheduler.swapper.refused.request)

    def set_headroom(self, requester: Request) -> None:
        """Leaves the running requests room to grow when a context enters the device.

        Without it the newcomer would soon see one of them preempted, and parked contexts pay
        for it. Blocks that the host has too do not count as room: their owners resume, and
        use them again. Where nobody is intercepted, vLLM's own watermark does: a batch that is
        smaller for good costs more than some preemptions.
        """
        scheduler = self._scheduler
        newcomer = requester.status != RequestStatus.RUNNING
        self._headroom = self._watermark if newcomer else 0
        if newcomer and self._missing(requester) > 1:
            if self._somebody_is_away():
                growth = self._blocks(len(scheduler.running) * HEADROOM_TOKENS)
                self._headroom = max(self._headroom, growth)
            self._headroom += self._owed()
        scheduler.kv_cache_manager.watermark_blocks = self._headroom

    def _owed(self) -> int:
        """Blocks that running requests have still to get which compute their contexts again: at
        a pace that vLLM, which looks at a newcomer alone, knows nothing of."""
        scheduler = self._scheduler
        if not scheduler.pace.is_bounding:
            return 0
        return sum(
            max(self._blocks(request.num_tokens) - scheduler.device.held(request), 0)
            for request in scheduler.running
            if scheduler.iterations.tokens_before(request)
        )

    def _somebody_is_away(self) -> bool:
        swapper = self._scheduler.swapper
        return bool(self._scheduler.parked) or (swapper is not None and bool(swapper.returning))

    def forget(self, request_id: str) -> None:
        """Notes that a request was scheduled or has ended."""
        self._refusals.pop(request_id, None)

    def _take(self, requester: Request, step: int) -> bool:
        scheduler = self._scheduler
        telemetry = scheduler.telemetry
        if (spare := scheduler.parked.spare_victim()) is not None:
            keep = max(spare.device_blocks - step, spare.first_host_block)
            scheduler.device.shrink(spare, keep)
            telemetry.reclaimed_mirrors += 1
            return True
        urgent = self._is_urgent(requester)
        if not urgent and self._copies_free_memory():
            return False
        victim = scheduler.parked.victim()
        if victim is not None and (urgent or scheduler.parked.yields(victim)):
            scheduler.cut(victim, max(victim.device_blocks - step, 0))
        elif not urgent and not self._is_impatient(requester):
            return False
        elif returning := self._returning_behind(requester):
            without_loss = [parked for parked in returning if parked.spare_blocks]
            scheduler.send_back((without_loss or returning)[-1])
        elif holders := self._holders_behind(requester):
            self._cut_holder(max(holders, key=scheduler.place), step)
        else:
            return False
        telemetry.reclaimed += 1
        return True

    def _is_urgent(self, requester: Request) -> bool:
        # With nobody running memory would wait for an augmentation, maybe a human.
        return requester.status == RequestStatus.RUNNING or not self._scheduler.running

    def _is_impatient(self, requester: Request) -> bool:
        return self._refusals.get(requester.request_id, 0) >= PATIENCE_ITERATIONS

    def _copies_free_memory(self) -> bool:
        swapper = self._scheduler.swapper
        return swapper is not None and swapper.copying_out

    def _needed(self, requester: Request) -> int:
        """Blocks that have to become free for ``requester``."""
        return self._missing(requester) + self._headroom - self._scheduler.device.free

    def _missing(self, requester: Request) -> int:
        """Free blocks that ``requester`` takes until it is whole."""
        held = self._scheduler.device.held(requester)
        return self._blocks(requester.num_tokens) - held - self._shared()

    def _blocks(self, tokens: int) -> int:
        """The most that a context of so many tokens holds at a time, as vLLM reckons."""
        groups = self._scheduler.kv_cache_manager.coordinator.single_type_managers
        return sum(_most_blocks(group, tokens) for group in groups)

    def _shared(self) -> int:
        """Blocks of the prefix that others hold, too, so that they take no room."""
        groups = () if self.found is None else self.found.blocks
        return sum(block.ref_cnt > 0 for group in groups for block in group)

    def _would_fit(self, requester: Request) -> bool:
        scheduler = self._scheduler
        needed = self._needed(requester)
        urgent = self._is_urgent(requester)
        if urgent and not scheduler.device.divisible:
            return True  # kinds of layers differ in what they hold: that is the most
        parked = scheduler.parked
        needed -= scheduler.device.parked_alone if urgent else parked.yielding_blocks
        if needed > 0 and (urgent or self._is_impatient(requester)):
            needed -= sum(p.device_blocks for p in self._returning_behind(requester))
            needed -= sum(map(scheduler.device.held, self._holders_behind(requester)))
        return needed <= 0

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

    def _cut_holder(self, holder: Request, step: int) -> None:
        device = self._scheduler.device
        keep = device.held(holder) - step
        if not self._scheduler.iterations.tokens_before(holder):
            self._scheduler.iterations.recompute(holder.request_id, holder.num_computed_tokens)
        if keep > 0 and device.divisible:
            device.cut(holder, keep)
        else:
            self.release(holder)

    def release(self, holder: Request) -> None:
        """Takes all blocks of a waiting holder; it keeps its place."""
        scheduler = self._scheduler
        scheduler.kv_holding_waiting.remove_request(holder)
        scheduler._free_request_blocks(holder)
        holder.num_computed_tokens = 0
        scheduler.insert_by_arrival(holder)


def _most_blocks(group: SingleTypeKVCacheManager, tokens: int) -> int:
    blocks = cdiv(tokens, group.block_size)
    most = group.max_admission_blocks_per_request  # of a layer with a window
    return blocks if most is None else min(blocks, most)
