"""How many blocks can be copied beside an iteration."""

from intercept_core.policy.types import CostModel, EngineState


def swap_budget(state: EngineState, cost: CostModel) -> int:
    """N of equation 5: the blocks whose copy takes as long as the last iteration did."""
    hidden_s = cost.forward_s(state.batch_tokens, state.running_tokens)
    block_s = max(cost.copy_s(1, to_host=True), 1e-9)
    return min(max(int(hidden_s / block_s), 1), state.free_host_blocks)
