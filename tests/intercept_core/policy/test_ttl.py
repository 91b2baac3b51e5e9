import pytest
from policy_facts import COST, context, state

from intercept_core.policy.ttl import HISTORY, Ttl
from intercept_core.policy.types import Disposition


def discarded(policy: Ttl, waited_s: float, kind: str | None = "tool") -> bool:
    decisions = policy.decide([context(kind=kind)], state(now_s=100.0 + waited_s), COST)
    return decisions.dispositions == {"a": Disposition.DISCARD}


def test_without_a_history_the_default_holds() -> None:
    assert not discarded(Ttl(default_s=2.0), 1.9)
    assert discarded(Ttl(default_s=2.0), 2.1)


def test_the_time_to_live_is_a_quantile_of_the_kind() -> None:
    policy = Ttl(quantile=0.5, default_s=60.0)
    for seconds in (1.0, 2.0, 3.0, 50.0):
        policy.observe("tool", seconds)
    assert not discarded(policy, 2.9)
    assert discarded(policy, 3.1)
    assert not discarded(policy, 3.1, kind="other")


def test_a_long_interception_is_not_waited_for() -> None:
    policy = Ttl(default_s=2.0)
    policy.observe("tool", 1000.0)
    assert discarded(policy, 0.1)


def test_the_latest_count() -> None:
    policy = Ttl(quantile=0.9, default_s=60.0)
    for seconds in [50.0] * HISTORY + [1.0] * HISTORY:
        policy.observe("tool", seconds)
    assert discarded(policy, 1.1)


@pytest.mark.parametrize("waited_s", [0.0, 2.0])
def test_others_keep_what_they_had(waited_s: float) -> None:
    now = state(now_s=100.0 + waited_s)
    assert not Ttl(default_s=2.0).decide([context()], now, COST).dispositions
