"""What iterations and copies cost, as far as it is known."""

from dataclasses import dataclass

SATURATED_SHARE = 0.1
"""By how much an iteration at the saturation point takes longer than the smallest one."""


@dataclass(frozen=True, slots=True)
class LinearCostModel:
    """An iteration costs a fixed time and a time for each query token.

    Attributes:
        iteration_s: Fixed part.
        token_s: Part of each query token.
        context_token_s: Part of each token of the contexts behind the queries.
        block_out_s: Time to copy one block to the host.
        block_in_s: Time to copy one block back.
        saturation_tokens: See :class:`~intercept_core.policy.types.CostModel`.
    """

    iteration_s: float = 0.010
    token_s: float = 50e-6
    context_token_s: float = 0.0
    block_out_s: float = 50e-6
    block_in_s: float = 50e-6
    saturation_tokens: int = 384

    def forward_s(self, query_tokens: int, context_tokens: int) -> float:
        """See :class:`~intercept_core.policy.types.CostModel`."""
        return (
            self.iteration_s
            + self.token_s * query_tokens
            + self.context_token_s * context_tokens
        )

    def copy_s(self, blocks: int, *, to_host: bool) -> float:
        """See :class:`~intercept_core.policy.types.CostModel`."""
        return blocks * (self.block_out_s if to_host else self.block_in_s)
