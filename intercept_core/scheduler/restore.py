"""Whether a context comes back by a copy or by computing it again."""

from intercept_core.policy.types import CostModel
from intercept_core.scheduler.iterations import Iterations
from intercept_core.scheduler.parked import Parked

NEGLIGIBLE_SHARE = 0.1
"""Work below this share of an iteration is not worth the wait for a copy."""


def copy_beats_recompute(
    parked: Parked, cost: CostModel, iterations: Iterations, block_tokens: int
) -> bool:
    """Whether the host has what is missing, and a copy beats computing it again."""
    missing = parked.blocks - parked.device_blocks
    if not missing or parked.first_host_block > parked.device_blocks:
        return False
    tokens = missing * block_tokens
    context_tokens = iterations.context_tokens
    iteration_s = cost.forward_s(iterations.query_tokens, context_tokens)
    recompute_s = cost.forward_s(iterations.query_tokens + tokens, context_tokens)
    # A copy takes an iteration at least, before the request can go on.
    copy_s = cost.copy_s(missing, to_host=False)
    return recompute_s - iteration_s > max(copy_s, NEGLIGIBLE_SHARE * iteration_s)
