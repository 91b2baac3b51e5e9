"""How much an iteration may compute again, so that the others in it keep their pace."""

from intercept_core.policy.types import CostModel

FULL_SHARE = 0.1
"""By how much of its time recomputation may lengthen an iteration that is saturated without it:
it goes on all the same."""


def tokens_at_pace(
    beside: int, context_tokens: int, cost: CostModel, slowdown: float | None = None
) -> int:
    """Query tokens of an iteration in which contexts are computed again.

    It is filled to the saturation point and no further; or, with ``slowdown``, so far that it
    takes that share longer than without recomputation.

    Args:
        beside: Tokens that are computed in it for the first time, one at least.
        context_tokens: Sum of the contexts in it.
        cost: What iterations take on this machine.
        slowdown: Share of the iteration's time; None for the saturation point.

    Returns:
        More than ``beside``: recomputation always goes on.
    """
    if slowdown is not None:
        return beside + _tokens_again(beside, context_tokens, cost, slowdown)
    full = beside + _tokens_again(beside, context_tokens, cost, FULL_SHARE)
    return max(cost.saturation_tokens, full)


def _tokens_again(beside: int, context_tokens: int, cost: CostModel, share: float) -> int:
    alone_s = cost.forward_s(beside, context_tokens)
    token_s = cost.forward_s(beside + 1, context_tokens + 1) - alone_s
    if token_s <= 0:  # no cost model has free tokens beyond its saturation point
        return max(cost.saturation_tokens - beside, 1)
    return max(int(share * alone_s / token_s), 1)
