"""Costs that do not depend on the machine."""

from intercept_core.policy.learned_cost_model import LearnedCostModel


class FixedCosts(LearnedCostModel):
    """Keeps to its prior, so that what is decided by it is the same on a busy machine."""

    def observe_iteration(self, query_tokens: int, context_tokens: int, seconds: float) -> None:
        """Learns nothing."""

    def observe_copy(self, blocks: int, seconds: float, *, to_host: bool) -> None:
        """Learns nothing."""
