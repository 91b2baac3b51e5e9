from policy_facts import COST, context, state

from intercept_core.policy.budgeted_swap import BudgetedSwap
from intercept_core.policy.types import Disposition

SWAP, DISCARD = Disposition.SWAP, Disposition.DISCARD


def test_first_come_first_swapped_and_the_rest_is_discarded() -> None:
    # A budget of 20 blocks, ten for each.
    parked = [context(name) for name in "abc"]
    decisions = BudgetedSwap().decide(parked, state(), COST)
    assert decisions.dispositions == {"a": SWAP, "b": SWAP, "c": DISCARD}


def test_a_swap_that_has_begun_goes_on() -> None:
    parked = [context("a"), context("b", disposition=SWAP)]
    decisions = BudgetedSwap().decide(parked, state(free_host_blocks=5), COST)
    assert decisions.dispositions == {"a": SWAP, "b": SWAP}


def test_without_a_host_all_is_discarded() -> None:
    nothing = state(free_host_blocks=0, total_host_blocks=0)
    assert BudgetedSwap().decide([context()], nothing, COST).dispositions == {"a": DISCARD}
