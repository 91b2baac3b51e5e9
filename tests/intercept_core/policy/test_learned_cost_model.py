import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.learned_cost_model import REFIT_EVERY, LearnedCostModel
from intercept_core.policy.relative_fit import RelativeFit

TRUTH = LinearCostModel(iteration_s=0.025, token_s=300e-6, context_token_s=2e-6)


def teach(
    model: LearnedCostModel,
    truth: LinearCostModel,
    iterations: int,
    *,
    noise: float = 0.0,
    seed: int = 1,
) -> None:
    rng = random.Random(seed)
    for _ in range(iterations):
        query = rng.choice([1, 4, 16, 64, 256, 1024])
        context = query + rng.randint(0, 8000)
        seconds = truth.forward_s(query, context) * rng.lognormvariate(0, noise)
        model.observe_iteration(query, context, seconds)


def assert_close(model: LearnedCostModel, truth: LinearCostModel, tolerance: float) -> None:
    for query, context in ((1, 100), (16, 8000), (256, 1000), (1024, 4000)):
        expected_s = truth.forward_s(query, context)
        assert model.forward_s(query, context) == pytest.approx(expected_s, rel=tolerance)


def test_begins_with_its_prior() -> None:
    model = LearnedCostModel(TRUTH)
    assert_close(model, TRUTH, 1e-9)
    assert model.copy_s(3, to_host=True) == pytest.approx(3 * TRUTH.block_out_s)
    assert model.copy_s(3, to_host=False) == pytest.approx(3 * TRUTH.block_in_s)
    assert model.relative_error is None


def test_without_a_prior_it_begins_with_careful_guesses() -> None:
    assert_close(LearnedCostModel(), LinearCostModel(), 1e-9)


def test_recovers_coefficients_from_noise() -> None:
    model = LearnedCostModel()
    teach(model, TRUTH, 3000, noise=0.1)
    assert_close(model, TRUTH, 0.05)
    learned = model.to_dict()
    assert learned["iteration_s"] == pytest.approx(TRUTH.iteration_s, rel=0.1)
    assert learned["token_s"] == pytest.approx(TRUTH.token_s, rel=0.1)
    assert learned["context_token_s"] == pytest.approx(TRUTH.context_token_s, rel=0.2)
    assert model.relative_error is not None
    assert 0.03 < model.relative_error < 0.12  # the median of the noise is 7 %


def test_a_profile_spares_the_learning() -> None:
    profiled, guessing = LearnedCostModel(TRUTH), LearnedCostModel()
    for model in (profiled, guessing):
        teach(model, TRUTH, REFIT_EVERY, noise=0.02)
    assert profiled.relative_error is not None
    assert guessing.relative_error is not None
    assert profiled.relative_error < 0.05 < guessing.relative_error


@pytest.mark.parametrize("factor", [0.25, 3.0, 20.0])
def test_follows_a_change(factor: float) -> None:
    model = LearnedCostModel(TRUTH)
    changed = LinearCostModel(
        TRUTH.iteration_s * factor, TRUTH.token_s * factor, TRUTH.context_token_s * factor
    )
    teach(model, changed, 12_000, noise=0.02)
    assert_close(model, changed, 0.05)


def test_a_slow_machine_is_learned_soon() -> None:
    slow = LinearCostModel(iteration_s=19e-3, token_s=1.1e-3, context_token_s=2.8e-6)
    model = LearnedCostModel()
    teach(model, slow, 1000, noise=0.05)
    assert_close(model, slow, 0.15)


def test_iterations_that_are_all_alike_leave_the_rest_to_the_prior() -> None:
    model = LearnedCostModel(TRUTH)
    for _ in range(20_000):
        model.observe_iteration(4, 1000, TRUTH.forward_s(4, 1000))
    assert_close(model, TRUTH, 0.05)


def test_hiccups_do_not_spoil_the_fit() -> None:
    model = LearnedCostModel(TRUTH)
    rng = random.Random(5)
    for number in range(2000):
        query, context = rng.randint(1, 512), rng.randint(512, 8000)
        seconds = 30.0 if number % 100 == 0 else TRUTH.forward_s(query, context)
        model.observe_iteration(query, context, seconds)
    assert_close(model, TRUTH, 0.15)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(1, 4096), st.integers(0, 10**6), st.floats(1e-6, 1e3)),
        min_size=1,
        max_size=4 * REFIT_EVERY,
    )
)
def test_no_time_is_ever_negative(observed: list[tuple[int, int, float]]) -> None:
    model = LearnedCostModel()
    for query, context, seconds in observed:
        model.observe_iteration(query, context, seconds)
        coefficients = model.to_dict()
        assert coefficients["iteration_s"] > 0
        assert coefficients["token_s"] > 0
        assert coefficients["context_token_s"] >= 0
        assert model.saturation_tokens >= 1


def test_copies_are_learned_and_hiccups_capped() -> None:
    model = LearnedCostModel()
    for _ in range(200):
        model.observe_copy(8, 8 * 2e-3, to_host=True)
    assert model.copy_s(10, to_host=True) == pytest.approx(20e-3, rel=0.05)
    assert model.copy_s(10, to_host=False) == 10 * LinearCostModel().block_in_s
    model.observe_copy(8, 100.0, to_host=True)
    assert model.copy_s(10, to_host=True) < 25e-3


def test_the_saturation_point_is_given_or_after_a_tenth_of_the_fixed_time() -> None:
    assert LearnedCostModel(TRUTH, saturation_tokens=384).saturation_tokens == 384
    assert LearnedCostModel(TRUTH).saturation_tokens == 8


@settings(max_examples=50)
@given(st.lists(st.floats(0, 10), min_size=3, max_size=3), st.integers())
def test_a_fit_finds_exact_coefficients(truth: list[float], seed: int) -> None:
    rng = random.Random(seed)  # not hypothesis's, whose rows may all be the same
    truth[0] += 0.1
    fit = RelativeFit(columns=3)
    for _ in range(30):
        row = (1.0, rng.uniform(0, 10), rng.uniform(0, 10))
        fit.add(row, sum(a * b for a, b in zip(row, truth, strict=True)))
    assert fit.coefficients() == pytest.approx(truth, rel=1e-3, abs=1e-3)


def test_a_column_of_zeros_costs_nothing() -> None:
    fit = RelativeFit(columns=2)
    fit.add((2.0, 0.0), 3.0)
    assert fit.coefficients() == pytest.approx([1.5, 0.0])
