"""Asks the policy between two iterations, and does what it says."""

import time
from typing import TYPE_CHECKING

from intercept_core.policy.types import Disposition, EngineState
from intercept_core.scheduler.parked import Parked

if TYPE_CHECKING:
    from intercept_core.scheduler.mixin import InterceptMixin

POLICY_SHARE = 0.02
"""Of an iteration, that deciding may take."""
SHOWN_S = 30e-6
"""What it takes to decide on one context on a slow processor that has done other work since."""
LEAST_SHOWN = 8
MOST_SHOWN = 96


class Decider:
    """The policy's eyes and hands.

    A policy sees as many contexts at a time as an iteration leaves time for, the others later.
    """

    def __init__(self, scheduler: "InterceptMixin") -> None:
        self._scheduler = scheduler

    def decide(self) -> None:
        """Shows the policy some parked contexts and applies its answer."""
        scheduler = self._scheduler
        if not scheduler.parked:
            return
        started_s = time.thread_time()
        state = self.engine_state()
        shown = scheduler.parked.next_shown(self._most_shown(state))
        decisions = scheduler.intercept_policy.decide(
            [parked.view() for parked in shown], state, scheduler.intercept_cost
        )
        for parked in shown:
            worth = decisions.worth.get(parked.request_id)
            scheduler.parked.value(parked, _worth_by_eta(parked) if worth is None else worth)
            remaining_s = decisions.remaining_s.get(parked.request_id)
            if remaining_s is not None:
                parked.predict(remaining_s, state.now_s)
        named = [
            (scheduler.parked.get(request_id), disposition)
            for request_id, disposition in decisions.dispositions.items()
        ]
        answers = [
            found
            for found, disposition in named
            if found is not None and self._apply(found, disposition)
        ]
        if scheduler.swapper is not None:
            scheduler.swapper.apply(answers)
        scheduler.limits.release_excess()
        scheduler.telemetry.policy_s += time.thread_time() - started_s

    def _most_shown(self, state: EngineState) -> int:
        iteration_s = self._scheduler.intercept_cost.forward_s(
            state.batch_tokens, state.running_tokens
        )
        return min(max(int(POLICY_SHARE * iteration_s / SHOWN_S), LEAST_SHOWN), MOST_SHOWN)

    def _apply(self, parked: Parked, disposition: Disposition) -> bool:
        scheduler = self._scheduler
        if parked.disposition is Disposition.DISCARD:
            return False
        if disposition is Disposition.DISCARD:
            scheduler.discard(parked)
            scheduler.telemetry.discarded += 1
            return False
        if scheduler.swapper is None:
            return False  # nothing but preserve is left
        if parked.disposition is not disposition:
            parked.become(disposition)
            scheduler.telemetry.decided(disposition)
        return True

    def engine_state(self) -> EngineState:
        """What the policy sees of the rest of the engine."""
        scheduler = self._scheduler
        running, waiting = scheduler.get_request_counts()
        pool = scheduler.swapper.pool if scheduler.swapper is not None else None
        block_pool = scheduler.kv_cache_manager.block_pool
        return EngineState(
            now_s=scheduler.clock(),
            running_requests=running,
            running_tokens=scheduler.iterations.context_tokens,
            waiting_requests=waiting,
            free_blocks=block_pool.get_num_free_blocks(),
            total_blocks=block_pool.num_gpu_blocks,
            block_tokens=scheduler.block_size,
            batch_tokens=scheduler.iterations.query_tokens,
            free_host_blocks=pool.free if pool is not None else 0,
            total_host_blocks=pool.size if pool is not None else 0,
            prefix_caching=scheduler.kv_cache_manager.enable_caching,
        )


def _worth_by_eta(parked: Parked) -> float:
    # For policies that rank nothing: the one expected back last loses least by a recompute
    # that starts later; without an estimate it may be a human, so it goes before any.
    return float("-inf") if parked.eta_s is None else -parked.eta_s
