"""What each estimator says of the time that is left, and when it says nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_facts import context

from intercept_core.policy.duration import (
    HISTORY,
    LEAST_HISTORY,
    Declared,
    DurationEstimator,
    Elapsed,
    FirstOf,
    LiveEta,
    Profile,
    SizedSurvival,
    Survival,
    Truth,
)

durations = st.floats(0, 1e6, allow_nan=False)


def survival(*seconds: float, kind: str | None = "tool") -> Survival:
    estimator = Survival()
    for duration_s in seconds:
        estimator.observe(kind, duration_s)
    return estimator


def test_a_live_eta_is_taken_at_its_word_until_it_is_overdue() -> None:
    parked = context(eta_s=104.0)
    assert LiveEta().remaining_s(parked, 101.0) == 3.0
    assert LiveEta().remaining_s(parked, 104.0) == 0.0
    assert LiveEta().remaining_s(parked, 104.5) is None
    assert LiveEta().remaining_s(context(), 101.0) is None


@pytest.mark.parametrize("seen", range(LEAST_HISTORY))
def test_a_few_durations_are_no_history(seen: int) -> None:
    assert survival(*[2.0] * seen).remaining_s(context(), 101.0) is None


def test_the_history_of_another_kind_says_nothing() -> None:
    assert survival(1, 2, 3, 4, kind="other").remaining_s(context(), 101.0) is None
    assert survival(1, 2, 3, 4, kind=None).remaining_s(context(kind=None), 101.0) is not None


def test_the_mean_residual_life() -> None:
    estimator = survival(1.0, 2.0, 4.0, 9.0)
    assert estimator.remaining_s(context(), 100.0) == pytest.approx(4.0)
    # After 3 s only those of 4 and 9 s are possible.
    assert estimator.remaining_s(context(), 103.0) == pytest.approx(6.5 - 3.0)
    # One that lasted just as long has ended.
    assert estimator.remaining_s(context(), 104.0) == pytest.approx(9.0 - 4.0)


def test_calls_with_arguments_of_another_size_say_nothing() -> None:
    estimator = SizedSurvival()
    for _ in range(2 * LEAST_HISTORY):
        estimator.observe("tool", 1.0, 40)
        estimator.observe("tool", 20.0, 900)
    assert estimator.remaining_s(context(argument_chars=33), 100.0) == pytest.approx(1.0)
    assert estimator.remaining_s(context(argument_chars=1000), 105.0) == pytest.approx(15.0)
    assert estimator.remaining_s(context(argument_chars=3), 100.0) is None
    assert estimator.remaining_s(context(), 100.0) is None


def test_few_calls_of_a_size_are_no_history() -> None:
    estimator = SizedSurvival()
    for _ in range(2 * LEAST_HISTORY - 1):
        estimator.observe("tool", 1.0, 40)
    estimator.observe("tool", 1.0)
    assert estimator.remaining_s(context(argument_chars=40), 100.0) is None


def test_a_heavy_tail_makes_a_long_wait_look_longer() -> None:
    estimator = survival(*[0.1] * 90, *[10.0] * 9, 1000.0)
    left = [estimator.remaining_s(context(), 100.0 + waited_s) for waited_s in (0, 1, 11)]
    assert left == sorted(left)
    assert left[0] == pytest.approx(10.99)
    assert left[-1] == pytest.approx(989.0)


def test_past_the_whole_history_it_lasts_as_long_again() -> None:
    assert survival(1, 1, 1, 1).remaining_s(context(), 150.0) == pytest.approx(50.0)


def test_old_durations_are_forgotten() -> None:
    estimator = survival(*[1000.0] * HISTORY, *[2.0] * HISTORY)
    assert estimator.remaining_s(context(), 100.0) == pytest.approx(2.0)


def test_a_new_duration_counts_at_once() -> None:
    estimator = survival(1, 1, 1, 1)
    assert estimator.remaining_s(context(), 100.0) == pytest.approx(1.0)
    estimator.observe("tool", 6.0)
    assert estimator.remaining_s(context(), 100.0) == pytest.approx(2.0)


@given(st.lists(durations, min_size=LEAST_HISTORY, max_size=2 * HISTORY), durations, durations)
def test_survival_is_the_conditional_mean(
    seen: list[float], waited_s: float, later_s: float
) -> None:
    """Also its two facts: never negative, and the expected end moves only to later."""
    estimator = survival(*seen)
    now_s, then_s = sorted((waited_s, later_s))
    recent = seen[-HISTORY:]
    longer = [duration_s for duration_s in recent if duration_s > now_s]
    left_s = estimator.remaining_s(context(parked_s=0.0), now_s)
    expected_s = sum(longer) / len(longer) - now_s if longer else now_s
    assert left_s == pytest.approx(expected_s, rel=1e-6, abs=1e-6)
    assert left_s is not None
    assert left_s >= -1e-6
    if max(recent) > then_s:
        then_left_s = estimator.remaining_s(context(parked_s=0.0), then_s)
        assert then_left_s is not None
        assert then_s + then_left_s >= (now_s + left_s) * (1 - 1e-9) - 1e-6


def test_declared_until_it_is_past() -> None:
    parked = context(declared_s=3.0)
    assert Declared().remaining_s(parked, 101.0) == pytest.approx(2.0)
    assert Declared().remaining_s(parked, 103.0) is None
    assert Declared().remaining_s(context(), 101.0) is None


def test_a_profile_knows_its_kinds() -> None:
    profile = Profile({"tool": 0.7})
    assert profile.remaining_s(context(), 150.0) == 0.7
    assert profile.remaining_s(context(kind="other"), 150.0) is None
    assert profile.remaining_s(context(kind=None), 150.0) is None


def test_elapsed_expects_as_long_again() -> None:
    assert Elapsed().remaining_s(context(), 107.0) == pytest.approx(7.0)
    assert Elapsed().remaining_s(context(), 99.0) == 0.0


def test_truth_is_told_by_experiments_alone() -> None:
    assert Truth().remaining_s(context(returns_s=105.0), 101.0) == pytest.approx(4.0)
    assert Truth().remaining_s(context(returns_s=100.5), 101.0) == 0.0
    assert Truth().remaining_s(context(), 101.0) is None


def test_the_first_that_knows_answers_and_all_learn() -> None:
    known = Survival()
    estimator = FirstOf([LiveEta(), known, Elapsed()])
    assert estimator.remaining_s(context(), 103.0) == pytest.approx(3.0)
    for _ in range(LEAST_HISTORY):
        estimator.observe("tool", 8.0)
    assert estimator.remaining_s(context(), 103.0) == pytest.approx(5.0)
    assert estimator.remaining_s(context(eta_s=104.0), 103.0) == pytest.approx(1.0)
    assert FirstOf([LiveEta()]).remaining_s(context(), 103.0) is None


ESTIMATORS = [
    LiveEta(),
    Declared(),
    Profile({"tool": 2.0}),
    Elapsed(),
    Truth(),
    survival(0.5, 3, 3, 70, 2000),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
@given(
    now_s=durations,
    parked_s=durations,
    eta_s=st.none() | durations,
    declared_s=st.none() | durations,
    returns_s=st.none() | durations,
)
def test_no_estimate_is_negative(
    estimator: DurationEstimator, now_s: float, **times: float | None
) -> None:
    left_s = estimator.remaining_s(context(**times), now_s)
    assert left_s is None or left_s >= 0
