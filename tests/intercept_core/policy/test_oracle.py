from policy_facts import COST, context, state

from intercept_core.policy.adaptive import Adaptive
from intercept_core.policy.oracle import Oracle


def test_it_decides_by_the_truth_and_not_by_what_is_reported() -> None:
    told = context(eta_s=101.1, returns_s=160.0)
    knowing = context(eta_s=160.0)
    worth = Oracle().decide([told], state(), COST).worth
    assert worth == Adaptive().decide([knowing], state(), COST).worth


def test_it_says_that_it_needs_the_truth() -> None:
    assert Oracle.needs_truth
    assert not Adaptive.needs_truth


def test_without_the_truth_it_expects_as_long_again() -> None:
    worth = Oracle().decide([context()], state(), COST).worth
    assert worth == Oracle().decide([context(returns_s=102.0)], state(), COST).worth
