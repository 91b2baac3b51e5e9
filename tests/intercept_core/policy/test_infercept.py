"""Min-waste as in the paper: swap what wastes most, then the smaller of two wastes."""

import pytest
from policy_facts import COST, context, state

from intercept_core.policy.infercept import InferCept
from intercept_core.policy.types import Disposition

PRESERVE, SWAP, DISCARD = Disposition.PRESERVE, Disposition.SWAP, Disposition.DISCARD
NO_HOST = {"free_host_blocks": 0, "total_host_blocks": 0}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    # Three chunks of 70 tokens waste 0.21 s of 380 tokens, so 160 may wait for 0.499 s.
    [(0.4, PRESERVE), (0.6, DISCARD)],
)
def test_without_a_host_the_smaller_waste_decides(
    seconds: float, expected: Disposition
) -> None:
    decisions = InferCept({"tool": seconds}).decide([context()], state(**NO_HOST), COST)
    assert decisions.dispositions == {"a": expected}


def test_an_unknown_kind_is_expected_to_last_as_long_again() -> None:
    policy = InferCept()
    early = policy.decide([context()], state(**NO_HOST, now_s=100.4), COST)
    late = policy.decide([context()], state(**NO_HOST, now_s=100.6), COST)
    assert (early.dispositions["a"], late.dispositions["a"]) == (PRESERVE, DISCARD)


def test_the_budget_goes_to_those_who_waste_most() -> None:
    policy = InferCept({"short": 0.01, "long": 60.0})
    parked = [context("short", kind="short"), context("long", kind="long")]
    decisions = policy.decide(parked, state(free_host_blocks=10), COST)
    assert decisions.dispositions == {"long": SWAP, "short": PRESERVE}


def test_the_last_swap_may_take_more_than_one_iteration() -> None:
    big = context("big", context_tokens=800, device_blocks=50)
    decisions = InferCept({"tool": 60.0}).decide([big, context("small")], state(), COST)
    assert decisions.dispositions == {"big": SWAP, "small": DISCARD}


def test_a_swap_that_has_begun_goes_on() -> None:
    begun = context(disposition=SWAP, device_blocks=4, host_blocks=6)
    decisions = InferCept({"tool": 0.0}).decide([begun], state(**NO_HOST), COST)
    assert decisions.dispositions == {"a": SWAP}
