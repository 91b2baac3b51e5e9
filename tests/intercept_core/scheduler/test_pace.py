"""How much of an iteration recomputation may take."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from vllm.v1.core.sched.output import SchedulerOutput

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.scheduler.pace import FULL_SHARE, tokens_at_pace
from loadtest.simulator.hardware import Hardware
from loadtest.simulator.simulation import Simulation
from loadtest.workloads.conversation import Conversation, Interception, Segment

COST = LinearCostModel(
    iteration_s=0.010, token_s=100e-6, context_token_s=1e-6, saturation_tokens=100
)


def test_an_iteration_is_filled_to_the_saturation_point() -> None:
    assert tokens_at_pace(8, 4000, COST) == 100


def test_beyond_the_saturation_point_recomputation_takes_a_small_share() -> None:
    found = tokens_at_pace(120, 20_000, COST)
    alone_s = COST.forward_s(120, 20_000)
    assert found > 120
    assert COST.forward_s(found, 20_000) <= (1 + FULL_SHARE) * alone_s


def test_a_slowdown_that_is_set_counts_instead() -> None:
    # 10 ms, 8 x 0.1 ms and 4 ms for the contexts: 5 % are 0.74 ms, and 7 tokens.
    assert tokens_at_pace(8, 4000, COST, 0.05) == 8 + 7


def test_tokens_that_cost_nothing_end_at_the_saturation_point() -> None:
    free = replace(COST, token_s=0.0, context_token_s=0.0)
    assert tokens_at_pace(8, 4000, free, 0.05) == 100


@given(
    decoding=st.integers(1, 4096),
    context_tokens=st.integers(0, 10**7),
    slowdown=st.none() | st.floats(1e-6, 10.0),
)
def test_recomputation_always_goes_on(
    decoding: int, context_tokens: int, slowdown: float | None
) -> None:
    assert tokens_at_pace(decoding, context_tokens, COST, slowdown) > decoding


def test_a_context_that_the_host_has_too_is_computed_again_at_the_same_pace() -> None:
    """Copies back are so slow here that nobody wants them."""
    cost = replace(COST, block_out_s=1e-6, block_in_s=10.0)
    machine = Hardware(cost=cost, device_blocks=400, host_blocks=400)
    call = Interception(kind="human", seconds=2.0, return_tokens=10)
    segments = (Segment(output_tokens=5, interception=call), Segment(output_tokens=5))
    workload = [
        Conversation(0, "human", 0.0, 1000, segments),
        Conversation(1, "other", 0.0, 10, (Segment(output_tokens=500),)),
    ]
    simulation = Simulation(machine, "budgeted_swap", workload, prefix_caching=False, etas=None)
    scheduler = simulation.engine.scheduler
    schedule = scheduler.schedule
    counts: list[int] = []

    def counted() -> SchedulerOutput:
        output = schedule()
        if simulation.engine.now_s > 2.0:  # all but the recomputation is over
            counts.append(output.total_num_scheduled_tokens)
        return output

    scheduler.schedule = counted  # type: ignore[method-assign]
    outcome = simulation.run()
    assert outcome.telemetry["blocks_swapped_out"] > 50
    assert outcome.telemetry["blocks_swapped_in"] == 0
    assert outcome.recomputed_tokens > 900
    assert max(counts) == COST.saturation_tokens
