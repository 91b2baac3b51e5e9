import pytest
from hypothesis import given
from hypothesis import strategies as st

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.profile_fit import (
    MeasuredCopy,
    MeasuredIteration,
    fit_profile,
    saturation_tokens,
)

TRUTH = LinearCostModel(iteration_s=0.02, token_s=1e-3, context_token_s=3e-6)
SIZES = (1, 4, 16, 64, 256, 1024)


def iteration(
    query: int, context: int, seconds: float, *, decoding: int = 0, held_out: bool = False
) -> MeasuredIteration:
    return MeasuredIteration(
        decoding=decoding,
        query_tokens=query,
        context_tokens=context,
        seconds=seconds,
        repeats=5,
        held_out=held_out,
    )


def measured(truth: LinearCostModel, *, error: float = 0.0) -> list[MeasuredIteration]:
    """Iterations that the truth describes, and held out ones that it misses by ``error``."""
    made = []
    for decoding, contexts in ((0, 0), (4, 6000), (16, 2000)):
        for size in SIZES:
            query, context = size + decoding, size + contexts
            seconds = truth.forward_s(query, context)
            made.append(iteration(query, context, seconds, decoding=decoding))
            late_s = seconds / (1 + error)
            made.append(iteration(query, context, late_s, decoding=decoding, held_out=True))
    return made


def test_finds_the_machine() -> None:
    copies = [
        MeasuredCopy(to_host=to_host, blocks=blocks, seconds=blocks * block_s, repeats=3)
        for blocks in (1, 2, 4)
        for to_host, block_s in ((True, 2e-3), (False, 3e-3))
    ]
    fit = fit_profile(measured(TRUTH), copies)
    assert fit.profile.iteration_s == pytest.approx(TRUTH.iteration_s, rel=1e-3)
    assert fit.profile.token_s == pytest.approx(TRUTH.token_s, rel=1e-3)
    assert fit.profile.context_token_s == pytest.approx(TRUTH.context_token_s, rel=1e-3)
    assert fit.copies_measured
    assert (fit.profile.block_out_s, fit.profile.block_in_s) == pytest.approx((2e-3, 3e-3))
    assert fit.median_error == pytest.approx(0, abs=1e-4)


def test_the_error_is_that_of_iterations_held_out() -> None:
    fit = fit_profile(measured(TRUTH, error=0.2), [])
    assert fit.profile.token_s == pytest.approx(TRUTH.token_s, rel=1e-3)
    assert fit.median_error == pytest.approx(0.2, rel=1e-2)
    assert fit.p90_error == pytest.approx(0.2, rel=1e-2)


def test_without_copies_the_careful_guess_stays() -> None:
    fit = fit_profile(measured(TRUTH), [])
    assert not fit.copies_measured
    assert fit.profile.block_out_s == LinearCostModel().block_out_s
    assert fit.profile.block_in_s == LinearCostModel().block_in_s


@pytest.mark.parametrize("growth", [2, 4])
def test_saturates_at_the_bend_of_a_machine_that_is_flat_before(growth: int) -> None:
    """As the profiler measures it: what is held out of the fit lies between the sizes."""
    sizes = [growth**n for n in range(12) if growth**n <= 4096]
    made = [iteration(q, q, max(0.010, q * 25e-6)) for q in sizes]
    between = [q * (1 + growth) // 2 for q in sizes[2:-1]]
    made += [iteration(q, q, max(0.010, q * 25e-6), held_out=True) for q in between]
    assert 300 < saturation_tokens(made) <= 440  # 400, and a tenth


def test_saturates_after_a_few_tokens_on_a_machine_that_is_never_flat() -> None:
    made = [iteration(q, 0, TRUTH.forward_s(q, 0)) for q in SIZES]
    assert saturation_tokens(made) == 3  # 21 ms, and at most 2.1 more


def test_a_machine_that_is_never_saturated_has_its_largest_iteration() -> None:
    assert saturation_tokens([iteration(q, q, 0.01) for q in SIZES]) == 1024


def test_needs_an_iteration_of_prompts_alone() -> None:
    with pytest.raises(ValueError, match="prompts alone"):
        fit_profile([iteration(4, 100, 0.1, decoding=4)], [])


@given(st.lists(st.tuples(st.integers(1, 8192), st.floats(1e-6, 1e3)), min_size=1, max_size=20))
def test_whatever_was_measured_the_costs_are_possible(made: list[tuple[int, float]]) -> None:
    iterations = [iteration(query, query, seconds) for query, seconds in made]
    profile = fit_profile(iterations, []).profile
    assert 1 <= profile.saturation_tokens <= max(query for query, _ in made)
    assert profile.cost_model().forward_s(1, 0) > 0
