"""How much of an iteration recomputation may take."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from vllm.v1.core.sched.output import SchedulerOutput

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.scheduler import InterceptScheduler
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


def iterations_with_recompute(
    *others: Conversation, prompt_tokens: int = 1000, return_tokens: int = 10
) -> list[dict[str, int]]:
    """Scheduled tokens by request, from when the context of conversation 0 is computed again:
    the host has it too, but copies back are so slow that nobody wants them."""
    cost = replace(COST, block_out_s=1e-6, block_in_s=10.0)
    machine = Hardware(cost=cost, device_blocks=400, host_blocks=400)
    away = talk(
        0,
        0.0,
        prompt_tokens=prompt_tokens,
        output_tokens=5,
        away_s=2.0,
        return_tokens=return_tokens,
    )
    workload = [away, *others]
    simulation = Simulation(machine, "budgeted_swap", workload, prefix_caching=False, etas=None)
    scheduler = simulation.engine.scheduler
    assert isinstance(scheduler, InterceptScheduler)
    schedule = scheduler.schedule
    found: list[dict[str, int]] = []

    def noted() -> SchedulerOutput:
        output = schedule()
        if simulation.engine.now_s > 2.0:
            found.append(dict(output.num_scheduled_tokens))
        return output

    scheduler.schedule = noted  # type: ignore[method-assign]
    outcome = simulation.run()
    assert outcome.telemetry["blocks_swapped_out"] > 0
    assert outcome.telemetry["blocks_swapped_in"] == 0
    assert outcome.recomputed_tokens >= prompt_tokens
    first = next(number for number, counts in enumerate(found) if "0" in counts)
    return found[first:]


def talk(
    number: int,
    arrival_s: float,
    *,
    prompt_tokens: int,
    output_tokens: int,
    away_s: float,
    return_tokens: int = 10,
) -> Conversation:
    call = Interception(kind="human", seconds=away_s, return_tokens=return_tokens)
    first = Segment(output_tokens=output_tokens, interception=call)
    return Conversation(
        number, "human", arrival_s, prompt_tokens, (first, Segment(output_tokens=5))
    )


def speaker(number: int, arrival_s: float) -> Conversation:
    return Conversation(number, "other", arrival_s, 10, (Segment(output_tokens=500),))


def test_a_context_that_the_host_has_too_is_computed_again_at_the_same_pace() -> None:
    found = iterations_with_recompute(speaker(1, 0.0))
    assert max(sum(counts.values()) for counts in found) == COST.saturation_tokens


def test_who_decodes_goes_on_beside_an_earlier_one_that_computes_again() -> None:
    found = iterations_with_recompute(*(speaker(n, 0.001 * n) for n in range(1, 9)))
    recomputing = [counts for counts in found if counts.get("0", 0) > 1]
    assert len(recomputing) > 5
    assert all(len(counts) == 9 for counts in recomputing)


def test_a_result_is_not_held_back_by_one_that_computes_again() -> None:
    # It comes back while the other is at it, before its own context has left the device, with
    # more than the saturation point leaves.
    back = talk(2, 0.5, prompt_tokens=500, output_tokens=152, away_s=0.0, return_tokens=200)
    found = iterations_with_recompute(speaker(1, 0.001), back)
    first = next(number for number, counts in enumerate(found) if counts.get("2", 0) > 1)
    assert found[first]["0"] > 1
    taken_up = [counts["2"] for counts in found[first : first + 2]]
    assert sum(taken_up) >= 201  # with the call's last token


def test_what_fits_into_the_pace_limits_nothing() -> None:
    found = iterations_with_recompute(speaker(1, 0.0), prompt_tokens=60, return_tokens=200)
    assert found[0]["0"] > 260
