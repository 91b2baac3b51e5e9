"""Everything to the host, whatever it costs."""

from collections.abc import Sequence

from intercept_core.policy.base import Policy
from intercept_core.policy.types import (
    CostModel,
    Decisions,
    Disposition,
    EngineState,
    ParkedContext,
)


class Swap(Policy):
    """Swaps every context at once, and the engine waits for the copies."""

    name = "swap"
    waits_for_copies = True

    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        if not state.total_host_blocks:
            return Decisions()
        return Decisions({context.request_id: Disposition.SWAP for context in parked})
