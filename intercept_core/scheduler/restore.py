"""Whether a context comes back by a copy or by computing it again."""

from collections.abc import Callable

from intercept_core.policy.types import CostModel
from intercept_core.scheduler.iterations import Iterations
from intercept_core.scheduler.parked import Parked


def copy_beats_recompute(
    parked: Parked,
    cost: CostModel,
    iterations: Iterations,
    chunks: Callable[[int, int], int],
    beside: int,
    block_tokens: int,
) -> bool:
    """Whether the host has what is missing, and a copy makes requests wait less in sum.

    For tokens that are computed again all in the batch wait, and the request for every further
    iteration that they are spread over, or wait for; for a copy only the request itself, an
    iteration at least if there is one.

    Args:
        parked: The context.
        cost: What iterations and copies take.
        iterations: The latest iteration.
        chunks: In how many iterations, with so many tokens there, so many are computed again
            beside others.
        beside: Requests that run, and go on while it is copied.
        block_tokens: Tokens of a block.
    """
    missing = parked.blocks - parked.device_blocks
    if missing <= 0 or parked.first_host_block > parked.device_blocks:
        return False
    end = min(parked.context_tokens, parked.blocks * block_tokens)
    held_tokens = parked.device_blocks * block_tokens
    tokens = end - held_tokens
    context_tokens = iterations.context_tokens
    iteration_s = cost.forward_s(iterations.query_tokens, context_tokens)
    longer_s = cost.forward_s(iterations.query_tokens + tokens, context_tokens) - iteration_s
    copy_s = cost.copy_s(missing, to_host=False)
    if not beside:
        return longer_s > copy_s
    recompute_s = longer_s * (beside + 1) + (chunks(held_tokens, tokens) - 1) * iteration_s
    return recompute_s > max(copy_s, iteration_s)
