import pytest
from policy_facts import COST, state

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.swap_budget import swap_budget


def test_as_many_blocks_as_an_iteration_hides() -> None:
    # 40 ms of iteration, 2 ms a block.
    assert swap_budget(state(), COST) == 20


@pytest.mark.parametrize("free", [0, 7])
def test_no_more_than_the_host_takes(free: int) -> None:
    assert swap_budget(state(free_host_blocks=free), COST) == free


def test_one_block_moves_however_slow_the_copies() -> None:
    assert swap_budget(state(), LinearCostModel(block_out_s=60.0, block_in_s=60.0)) == 1


def test_free_copies_divide_by_nothing() -> None:
    assert swap_budget(state(), LinearCostModel(block_out_s=0.0, block_in_s=0.0)) == 50
