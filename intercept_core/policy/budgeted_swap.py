"""Swaps what copies can hide; the rest is computed again, in chunks."""

from collections.abc import Sequence

from intercept_core.policy.base import Policy
from intercept_core.policy.swap_budget import swap_budget
from intercept_core.policy.types import (
    CostModel,
    Decisions,
    Disposition,
    EngineState,
    ParkedContext,
)


class BudgetedSwap(Policy):
    """First come, first swapped, within the budget of each iteration; discards the rest."""

    name = "budgeted_swap"

    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        budget = swap_budget(state, cost)
        dispositions = {}
        for context in parked:
            if budget > 0 or context.disposition is Disposition.SWAP:
                dispositions[context.request_id] = Disposition.SWAP
                budget -= context.device_blocks
            else:
                dispositions[context.request_id] = Disposition.DISCARD
        return Decisions(dispositions)
