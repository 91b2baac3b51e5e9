"""Short simulations with every KV slot watched: all conversations end, and alike each time."""

from dataclasses import asdict
from typing import Any

import pytest

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.registry import POLICIES
from loadtest.simulator.hardware import Hardware
from loadtest.simulator.outcome import Outcome
from loadtest.simulator.settings import STOCK
from loadtest.simulator.simulation import Simulation
from loadtest.workloads.conversation import Conversation
from loadtest.workloads.etas import Etas
from loadtest.workloads.scale import Scale
from loadtest.workloads.six_kinds import six_kinds

SMALL = Hardware(
    cost=LinearCostModel(token_s=5e-4, block_out_s=1e-3, block_in_s=1e-3, saturation_tokens=64),
    device_blocks=50,
    host_blocks=120,
)
"""Room for a few of the contexts, which have some 10 blocks each."""


@pytest.fixture(scope="module")
def workload() -> list[Conversation]:
    scale = Scale(tokens=0.1, seconds=0.3, count=0.3)
    return six_kinds(2.0, 15.0, seed=1, scale=scale, most_tokens=600)


def simulate(workload: list[Conversation], policy: str, **fields: Any) -> Simulation:
    return Simulation(SMALL, policy, workload, **({"check": True} | fields))


def comparable(outcome: Outcome) -> dict[str, Any]:
    """All of it but what the policy's decisions took on this machine."""
    fields = asdict(outcome)
    fields["telemetry"].pop("policy_s", None)
    return fields


@pytest.mark.parametrize("caching", [False, True], ids=["no-cache", "prefix-cache"])
@pytest.mark.parametrize("policy", [*POLICIES, STOCK])
def test_all_conversations_end_with_their_contexts(
    workload: list[Conversation], policy: str, caching: bool
) -> None:
    simulation = simulate(workload, policy, prefix_caching=caching, etas=Etas())
    outcome = simulation.run()
    simulation.drain()
    assert (outcome.conversations, outcome.unfinished) == (len(workload), 0)
    assert simulation.oracle is not None
    assert simulation.oracle.checked_tokens > sum(c.total_tokens for c in workload)
    pool = simulation.engine.scheduler.kv_cache_manager.block_pool
    assert pool.get_num_free_blocks() == SMALL.device_blocks - 1
    ours = simulation.engine.intercepting
    assert (ours is None) == (policy == STOCK)
    if ours is not None:
        assert ours.swapper is not None
        assert ours.swapper.pool.free == SMALL.host_blocks
        calls = sum(len(conversation.segments) - 1 for conversation in workload)
        assert ours.telemetry.parked == ours.telemetry.resumed == calls


def test_copies_are_made_when_they_pay(workload: list[Conversation]) -> None:
    """Else the tests above would check no copy at all."""
    outcome = simulate(workload, "swap").run()
    assert outcome.telemetry["blocks_swapped_in"] > 0
    assert outcome.stall_s > 0


@pytest.mark.parametrize("policy", ["adaptive", STOCK])
def test_the_same_seed_brings_the_same_outcome(
    workload: list[Conversation], policy: str
) -> None:
    first, second = (
        simulate(workload, policy, etas=Etas(error=0.3, seed=4), check=check).run()
        for check in (True, False)
    )
    assert comparable(first) == comparable(second)


def test_it_ends_at_the_time_that_was_set(workload: list[Conversation]) -> None:
    outcome = simulate(workload, "adaptive").run(until_s=5.0)
    assert 5.0 <= outcome.span_s < 6.0
    assert 0 < outcome.unfinished < len(workload)
    assert outcome.conversations < len(workload)


def test_a_conversation_too_long_for_the_machine_is_refused() -> None:
    (long, *_) = six_kinds(1.0, 30.0, seed=1)
    with pytest.raises(ValueError, match=r"conversation 0 grows to \d+ tokens, and this"):
        simulate([long], "adaptive")


def test_bad_policy_options_are_refused(workload: list[Conversation]) -> None:
    with pytest.raises(ValueError, match="policy_options of 'ttl'"):
        simulate(workload, "ttl", policy_options={"speed": 1})
