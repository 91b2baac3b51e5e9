"""Whether what is missing of a context is copied back or computed again."""

from functools import partial
from types import SimpleNamespace

import pytest

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.scheduler.iterations import Iterations
from intercept_core.scheduler.parked import Parked
from intercept_core.scheduler.restore import copy_beats_recompute

COST = LinearCostModel(iteration_s=0.010, token_s=100e-6, block_in_s=20e-6)
BLOCK_TOKENS = 16  # 1.6 ms to compute


@pytest.fixture
def iterations() -> Iterations:
    """The latest took 10 ms."""
    return Iterations(lambda: 0.0)


def context(*, blocks: int, device: int, host: int, last_tokens: int = BLOCK_TOKENS) -> Parked:
    return Parked(
        request=SimpleNamespace(request_id="a"),  # type: ignore[arg-type]
        key="a",
        since_s=0.0,
        context_tokens=(blocks - 1) * BLOCK_TOKENS + last_tokens,
        blocks=blocks,
        device_blocks=device,
        host_slots=list(range(host)),
    )


def _chunks(number: int, held_tokens: int, tokens: int) -> int:
    return number


at_once = partial(_chunks, 1)


@pytest.mark.parametrize(
    ("missing", "beside", "copies"),
    [
        (1, 4, False),  # 5 requests wait for 1.6 ms, or one for 10
        (1, 6, True),
        (1, 0, True),  # alone it waits for 1.6 ms, or for 0.02
    ],
)
def test_whatever_makes_all_wait_less(
    iterations: Iterations, missing: int, beside: int, copies: bool
) -> None:
    parked = context(blocks=20, device=20 - missing, host=20)
    assert (
        copy_beats_recompute(parked, COST, iterations, at_once, beside, BLOCK_TOKENS) is copies
    )


def test_a_block_that_is_not_full_costs_its_tokens(iterations: Iterations) -> None:
    parked = context(blocks=20, device=19, host=20, last_tokens=2)  # 0.2 ms to compute
    assert not copy_beats_recompute(parked, COST, iterations, at_once, 40, BLOCK_TOKENS)
    assert copy_beats_recompute(parked, COST, iterations, at_once, 60, BLOCK_TOKENS)


def test_a_recomputation_that_is_spread_over_iterations_waits_for_them(
    iterations: Iterations,
) -> None:
    parked = context(blocks=20, device=19, host=20)  # 2 requests wait for 1.6 ms, or one for 10
    for chunks, copies in ((1, False), (2, True)):
        found = copy_beats_recompute(
            parked, COST, iterations, partial(_chunks, chunks), 1, BLOCK_TOKENS
        )
        assert found is copies


def test_a_slow_copy_loses(iterations: Iterations) -> None:
    slow = LinearCostModel(iteration_s=0.010, token_s=100e-6, block_in_s=40e-3)
    parked = context(blocks=20, device=0, host=20)
    assert not copy_beats_recompute(parked, slow, iterations, at_once, 8, BLOCK_TOKENS)


@pytest.mark.parametrize(("device", "host"), [(20, 0), (20, 20), (22, 0), (10, 9)])
def test_nothing_to_copy(iterations: Iterations, device: int, host: int) -> None:
    """All of it is here, and maybe an end that was lost and is still cached, or the host lacks
    a block in between."""
    parked = context(blocks=20, device=device, host=host)
    long = partial(_chunks, 1000)
    assert not copy_beats_recompute(parked, COST, iterations, long, 64, BLOCK_TOKENS)
