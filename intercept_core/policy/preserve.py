"""Keeps every context on the device; only memory pressure takes one away."""

from collections.abc import Sequence

from intercept_core.policy.base import Policy
from intercept_core.policy.types import CostModel, Decisions, EngineState, ParkedContext


class Preserve(Policy):
    """Changes nothing: a context is preserved until the scheduler must reclaim it."""

    name = "preserve"

    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        return Decisions()
