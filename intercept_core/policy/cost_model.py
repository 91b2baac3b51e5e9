"""What iterations cost, as far as it is known."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinearCostModel:
    """An iteration costs a fixed time and a time for each query token.

    Attributes:
        iteration_s: Fixed part.
        token_s: Part of each query token.
    """

    iteration_s: float = 0.010
    token_s: float = 50e-6

    def forward_s(self, query_tokens: int, context_tokens: int) -> float:
        """See :class:`~intercept_core.policy.types.CostModel`; context is ignored."""
        return self.iteration_s + self.token_s * query_tokens
