"""The search brackets the largest rate that a machine keeps up with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intercept_core.policy.cost_model import LinearCostModel
from loadtest.simulator.capacity import (
    LEAST_RATE_PER_S,
    MOST_RATE_PER_S,
    Deadlines,
    idle_latency_s,
    search,
)
from loadtest.simulator.hardware import Hardware
from loadtest.simulator.simulation import Simulation
from loadtest.workloads.conversation import Conversation
from loadtest.workloads.scale import Scale
from loadtest.workloads.six_kinds import six_kinds

HARDWARE = Hardware(cost=LinearCostModel(), device_blocks=60, host_blocks=60)


@given(
    limit=st.floats(2 * LEAST_RATE_PER_S, MOST_RATE_PER_S / 2),
    precision=st.floats(0.01, 1.0),
    near=st.none() | st.floats(2 * LEAST_RATE_PER_S, MOST_RATE_PER_S / 2),
)
def test_the_bracket_holds_the_limit_and_is_narrow(
    limit: float, precision: float, near: float | None
) -> None:
    tried: list[float] = []

    def keeps(rate_per_s: float) -> bool:
        tried.append(rate_per_s)
        return rate_per_s <= limit

    found = search(keeps, precision, near)
    assert found == search(lambda rate_per_s: rate_per_s <= limit, precision)
    assert found.kept_per_s <= limit < found.broken_per_s
    assert found.broken_per_s <= found.kept_per_s * (1 + precision)
    assert {found.kept_per_s, found.broken_per_s} <= set(tried)
    assert len(tried) < 40


@given(limit=st.floats(2 * LEAST_RATE_PER_S, MOST_RATE_PER_S / 2))
def test_an_earlier_answer_is_confirmed_by_two_rates(limit: float) -> None:
    tried: list[float] = []

    def keeps(rate_per_s: float) -> bool:
        tried.append(rate_per_s)
        return rate_per_s <= limit

    earlier = search(lambda rate_per_s: rate_per_s <= limit, 0.1)
    assert search(keeps, 0.1, earlier.kept_per_s) == earlier
    assert tried == [earlier.kept_per_s, earlier.broken_per_s]


def test_where_nothing_is_kept_the_bracket_begins_at_zero() -> None:
    found = search(lambda rate_per_s: False, 0.1)
    assert (found.kept_per_s, found.broken_per_s) == (0.0, LEAST_RATE_PER_S)


def test_where_everything_is_kept_the_bracket_is_open() -> None:
    found = search(lambda rate_per_s: True, 0.1)
    assert (found.kept_per_s, found.broken_per_s) == (MOST_RATE_PER_S, float("inf"))


@pytest.fixture(scope="module")
def workload() -> list[Conversation]:
    return six_kinds(2.0, 10.0, seed=2, scale=Scale(0.1, 0.2, 0.3), most_tokens=600)


def simulation(workload: list[Conversation]) -> Simulation:
    return Simulation(HARDWARE, "preserve", workload)


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 4.0])
def test_deadlines_know_early_what_the_whole_run_shows(
    workload: list[Conversation], factor: float
) -> None:
    median_s = simulation(workload).run().normalized_latency_s.median
    assert Deadlines(simulation(workload), factor * median_s).answer() == (factor > 1)


def test_an_idle_engine_is_the_fastest(workload: list[Conversation]) -> None:
    idle_s = idle_latency_s(simulation, workload)
    assert 0 < idle_s <= simulation(workload).run().normalized_latency_s.median
