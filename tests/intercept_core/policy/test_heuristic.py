import pytest
from policy_facts import COST, context, state

from intercept_core.policy.heuristic import Heuristic
from intercept_core.policy.types import Disposition

PRESERVE, SWAP, DISCARD = Disposition.PRESERVE, Disposition.SWAP, Disposition.DISCARD


@pytest.mark.parametrize(
    ("seconds", "host", "expected"),
    [(0.9, 50, PRESERVE), (1.1, 50, SWAP), (0.9, 0, PRESERVE), (1.1, 0, DISCARD)],
)
def test_long_ones_leave_the_device(seconds: float, host: int, expected: Disposition) -> None:
    policy = Heuristic(threshold_s=1.0, seconds={"tool": seconds})
    decisions = policy.decide([context()], state(total_host_blocks=host), COST)
    assert decisions.dispositions == {"a": expected}


def test_the_unknown_are_taken_for_short() -> None:
    assert Heuristic().decide([context()], state(), COST).dispositions == {"a": PRESERVE}


def test_it_learns_what_is_long() -> None:
    policy = Heuristic()
    for _ in range(4):
        policy.observe("tool", 30.0)
    assert policy.decide([context()], state(), COST).dispositions == {"a": SWAP}


def test_a_declared_duration_counts_without_a_history() -> None:
    decisions = Heuristic().decide([context(declared_s=9.0)], state(), COST)
    assert decisions.dispositions == {"a": SWAP}
