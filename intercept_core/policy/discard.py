"""The baseline of serving engines: an interception ends the hold on memory at once."""

from collections.abc import Sequence

from intercept_core.policy.base import Policy
from intercept_core.policy.types import (
    CostModel,
    Decisions,
    Disposition,
    EngineState,
    ParkedContext,
)


class Discard(Policy):
    """Releases every context at its interception; the resumed request queues as a new one."""

    name = "discard"
    requeues = True

    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        return Decisions({context.request_id: Disposition.DISCARD for context in parked})
