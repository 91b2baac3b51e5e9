"""Nothing is released early; worth is the time to restore for each block-second given."""

import pytest
from policy_facts import COST, context, state

from intercept_core.policy.adaptive import SHORTEST_S, Adaptive
from intercept_core.policy.types import Disposition


def test_worth_by_hand() -> None:
    decisions = Adaptive().decide([context(eta_s=103.0)], state(), COST)
    # 160 tokens add 0.16 s in which 80 + 300 are held; 2 s of 160 slots would be given.
    assert decisions.worth == {"a": pytest.approx(0.16 * 380 / (2 * 160))}


def test_who_is_back_soon_is_worth_more() -> None:
    parked = [context("soon", eta_s=101.1), context("late", eta_s=160.0)]
    worth = Adaptive().decide(parked, state(), COST).worth
    assert worth["soon"] > worth["late"]


def test_due_at_once_is_worth_much_and_not_infinitely() -> None:
    worth = Adaptive().decide([context(eta_s=101.0)], state(), COST).worth["a"]
    assert worth == pytest.approx(0.16 * 380 / (SHORTEST_S * 160))


def test_the_least_worth_is_copied_first() -> None:
    parked = [context("soon", eta_s=110.0), context("late", eta_s=160.0)]
    decisions = Adaptive().decide(parked, state(), COST)
    assert list(decisions.dispositions) == ["late", "soon"]
    assert set(decisions.dispositions.values()) == {Disposition.MIRROR}


@pytest.mark.parametrize(
    "case",
    [
        # An iteration of 40 ms and the copy of 20 ms would end after the result.
        (context(eta_s=101.05), state()),
        (context(eta_s=160.0), state(total_host_blocks=0, free_host_blocks=0)),
    ],
    ids=["too late", "no host"],
)
def test_copies_that_are_of_no_use_are_not_made(case: tuple) -> None:
    decisions = Adaptive().decide([case[0]], case[1], COST)
    assert not decisions.dispositions
    assert "a" in decisions.worth


def test_what_holds_nothing_has_no_worth() -> None:
    assert not Adaptive().decide([context(device_blocks=0)], state(), COST).worth


def test_what_the_host_alone_has_is_worth_as_much_as_on_the_device() -> None:
    on_host = context(eta_s=103.0, device_blocks=0, host_blocks=10)
    decisions = Adaptive().decide([on_host], state(), COST)
    assert decisions.worth == Adaptive().decide([context(eta_s=103.0)], state(), COST).worth
    assert not decisions.dispositions


def test_history_counts_more_than_a_declared_duration() -> None:
    policy = Adaptive()
    parked = context(declared_s=2.0)
    before = policy.decide([parked], state(), COST).worth["a"]
    for _ in range(4):
        policy.observe("tool", 101.0)
    after = policy.decide([parked], state(), COST).worth["a"]
    assert before == pytest.approx(100 * after)
