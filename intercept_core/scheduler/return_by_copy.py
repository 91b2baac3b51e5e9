"""Whether a context comes back from the host, or is computed again."""

from typing import TYPE_CHECKING

from intercept_core.scheduler.parked import Parked

if TYPE_CHECKING:
    from intercept_core.scheduler.mixin import InterceptMixin

NEGLIGIBLE_SHARE = 0.1
"""Work below this share of an iteration is not worth the wait for a copy."""


def worth_copying_back(scheduler: "InterceptMixin", parked: Parked) -> bool:
    """Whether the host has what is missing, and a copy beats computing it again."""
    missing = parked.blocks - parked.device_blocks
    if not missing or parked.first_host_block > parked.device_blocks:
        return False
    cost, iterations = scheduler.intercept_cost, scheduler.iterations
    tokens = missing * scheduler.block_size
    iteration_s = cost.forward_s(iterations.query_tokens, iterations.context_tokens)
    recompute_s = cost.forward_s(iterations.query_tokens + tokens, iterations.context_tokens)
    # A copy takes an iteration at least, before the request can go on.
    return recompute_s - iteration_s > max(cost.copy_s(missing), NEGLIGIBLE_SHARE * iteration_s)
