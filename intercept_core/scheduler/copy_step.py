"""The copies of one iteration: those that have ended, and those that start."""

from typing import TYPE_CHECKING

from vllm.v1.core.sched.interface import PauseState
from vllm.v1.request import Request

if TYPE_CHECKING:
    from intercept_core.scheduler.mixin import InterceptMixin
    from intercept_core.scheduler.swapper import Swapper


class CopyStep:
    """Has the swapper copy as much as the forward passes hide, and takes up the results."""

    def __init__(self, scheduler: "InterceptMixin") -> None:
        self._scheduler = scheduler

    def collect(self) -> None:
        """Queues the requests whose contexts are back, and frees those that ended meanwhile."""
        scheduler = self._scheduler
        if scheduler.swapper is None:
            return
        taken_s = {True: 0.0, False: 0.0}  # to the host, and back
        for finished in scheduler.swapper.collect():
            taken_s[finished.to_host] += finished.seconds
            scheduler.intercept_cost.observe_copy(
                finished.blocks, finished.seconds, to_host=finished.to_host
            )
            if finished.aborted:
                scheduler._free_blocks(finished.parked.request)
            elif finished.returned:
                scheduler.insert_by_arrival(finished.parked.request)
        if scheduler.intercept_policy.waits_for_copies:
            pool = scheduler.kv_cache_manager.block_pool
            in_use = pool.num_gpu_blocks - 1 - scheduler.device.free
            one_lane = scheduler.swapper.lanes == 1  # copies of both ways wait for each other
            waited_s = sum(taken_s.values()) if one_lane else max(taken_s.values())
            scheduler.telemetry.stall_block_s += waited_s * in_use

    def start(self) -> None:
        """Orders copies, those back to the device first, within the budget."""
        scheduler = self._scheduler
        if scheduler.swapper is None or scheduler.pause_state == PauseState.PAUSED_ALL:
            return
        budget = self._budget(scheduler.swapper)
        started = scheduler.swapper.copy_in(budget, self._allocate)
        if budget > started:
            started += scheduler.swapper.copy_out(budget - started)
        if started:
            scheduler.telemetry.budget_blocks += budget
            scheduler.telemetry.budget_blocks_used += started

    def _budget(self, swapper: "Swapper") -> int:
        """Blocks whose copy is hidden by the forward pass of one iteration."""
        scheduler = self._scheduler
        if scheduler.intercept_policy.waits_for_copies:
            return swapper.pool.size
        cost, iterations = scheduler.intercept_cost, scheduler.iterations
        hidden_s = cost.forward_s(iterations.query_tokens, iterations.context_tokens)
        # Both ways are counted together, at the slower one.
        block_s = max(cost.copy_s(1, to_host=True), cost.copy_s(1, to_host=False), 1e-9)
        blocks = int(hidden_s / block_s)
        return min(max(blocks, 1), swapper.pool.size) - swapper.blocks_in_flight

    def _allocate(self, request: Request, tokens: int) -> bool:
        blocks = self._scheduler.kv_cache_manager.allocate_slots(
            request,
            tokens,
            delay_cache_blocks=True,
            # vLLM's watermark holds while others run; else the engine would wait for nobody.
            has_scheduled_reqs=bool(self._scheduler.running),
        )
        return blocks is not None
