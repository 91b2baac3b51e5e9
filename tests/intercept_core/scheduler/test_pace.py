"""How much of an iteration recomputation may take."""

from collections.abc import Callable
from dataclasses import replace
from statistics import median
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.request import RequestStatus

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.learned_cost_model import LearnedCostModel
from intercept_core.scheduler import InterceptScheduler
from intercept_core.scheduler.iterations import Iterations
from intercept_core.scheduler.pace import KEPT_SHARE, RecomputePace, tokens_again
from loadtest.simulator.hardware import Hardware
from loadtest.simulator.simulation import Simulation
from loadtest.workloads.conversation import Conversation, Interception, Segment

COST = LinearCostModel(
    iteration_s=0.010, token_s=100e-6, context_token_s=1e-6, saturation_tokens=100
)


NO_FREE_TOKENS = replace(COST, saturation_tokens=1)


def test_an_iteration_is_filled_to_the_saturation_point() -> None:
    assert tokens_again(8, 4000, COST) == 92


def test_beyond_the_saturation_point_recomputation_takes_a_small_share() -> None:
    found = tokens_again(120, 20_000, COST)
    alone_s = COST.forward_s(120, 20_000)
    assert found > 1
    assert COST.forward_s(120 + found, 20_000) <= (1 + KEPT_SHARE) * alone_s


def test_a_slowdown_that_is_set_counts_instead() -> None:
    # 10 ms, 8 x 0.1 ms and 4 ms for the contexts: 5 % are 0.74 ms, and 7 tokens.
    assert tokens_again(8, 4000, COST, 0.05) == 7


def test_long_recomputation_on_a_slow_machine_may_take_more() -> None:
    slow = replace(
        COST, iteration_s=0.105, token_s=0.01, context_token_s=0.0, saturation_tokens=1
    )
    # 185 ms without it. A second's work, of the two that are waited for: half of that.
    missing = (0, 16, 100, 10_000)
    found = [tokens_again(8, 4000, slow, missing_tokens=tokens) for tokens in missing]
    assert found == [1, 1, 9, 18]


def test_those_who_run_on_a_machine_without_free_tokens_keep_their_pace() -> None:
    cost = LearnedCostModel(COST)
    again = tokens_again(8, 4000, cost, again_context_tokens=300)
    longer = cost.forward_s(8 + again, 4300 + again) / cost.forward_s(8, 4000)
    assert 1.05 < longer < 1.1


def test_contexts_that_are_computed_again_have_to_be_read_too() -> None:
    # Of the 0.74 ms, the 300 tokens take 0.3 ms.
    assert tokens_again(8, 4000, COST, 0.05, again_context_tokens=300) == 4


def test_tokens_that_cost_nothing_end_at_the_saturation_point() -> None:
    free = replace(COST, token_s=0.0, context_token_s=0.0)
    assert tokens_again(8, 4000, free, 0.05) == 92


@given(
    beside=st.integers(1, 4096),
    context_tokens=st.integers(0, 10**7),
    slowdown=st.none() | st.floats(1e-6, 10.0),
    again=st.integers(0, 10**7),
    missing=st.integers(0, 10**7),
)
def test_recomputation_always_goes_on(
    beside: int, context_tokens: int, slowdown: float | None, again: int, missing: int
) -> None:
    assert tokens_again(beside, context_tokens, COST, slowdown, again, missing) >= 1


def iterations_with_recompute(
    *others: Conversation,
    prompt_tokens: int = 1000,
    return_tokens: int = 10,
    slowdown: float | None = None,
    lookahead: int = 0,
    cost: LinearCostModel = COST,
    noting: Callable[[InterceptScheduler, SchedulerOutput], None] | None = None,
) -> list[dict[str, int]]:
    """Scheduled tokens by request, from when the context of conversation 0 is computed again:
    the host has it too, but copies back are so slow that nobody wants them."""
    cost = replace(cost, block_out_s=1e-6, block_in_s=10.0)
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
    scheduler.pace = RecomputePace(scheduler, slowdown)
    scheduler.num_prefill_lookahead = lookahead
    schedule = scheduler.schedule
    found: list[dict[str, int]] = []

    def noted() -> SchedulerOutput:
        output = schedule()
        if simulation.engine.now_s > 2.0:
            found.append(dict(output.num_scheduled_tokens))
            if noting is not None:
                noting(scheduler, output)
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


def speaker(number: int, arrival_s: float, prompt_tokens: int = 10) -> Conversation:
    return Conversation(
        number, "other", arrival_s, prompt_tokens, (Segment(output_tokens=500),)
    )


def chunks(found: list[dict[str, int]]) -> list[dict[str, int]]:
    """The iterations with a chunk of conversation 0, but the last, which has its result too."""
    return [counts for counts in found if counts.get("0", 0) > 1][:-1]


def test_a_context_that_the_host_has_too_is_computed_again_at_the_same_pace() -> None:
    found = chunks(iterations_with_recompute(speaker(1, 0.0)))
    assert {sum(counts.values()) for counts in found} == {COST.saturation_tokens}


def test_who_decodes_goes_on_beside_an_earlier_one_that_computes_again() -> None:
    speakers = [speaker(number, 0.001 * number) for number in range(1, 9)]
    found = chunks(iterations_with_recompute(*speakers))
    assert len(found) > 5
    assert all(len(counts) == 9 for counts in found)


def slowdowns(
    *others: Conversation, cost: LinearCostModel = NO_FREE_TOKENS, prompt_tokens: int = 1000
) -> list[float]:
    """How much longer each iteration takes in which conversation 0 is computed again."""
    found: list[float] = []

    def note(scheduler: InterceptScheduler, output: SchedulerOutput) -> None:
        counts = output.num_scheduled_tokens
        if counts.get("0", 0) > 1:
            context = {name: scheduler.requests[name].num_computed_tokens for name in counts}
            alone_s = cost.forward_s(
                sum(counts.values()) - counts["0"], sum(context.values()) - context["0"]
            )
            all_s = cost.forward_s(sum(counts.values()), sum(context.values()))
            found.append(all_s / alone_s - 1)

    iterations_with_recompute(*others, cost=cost, prompt_tokens=prompt_tokens, noting=note)
    return found[:-1]  # the last has the result, too


def test_iterations_without_free_tokens_get_longer_by_a_small_share() -> None:
    speakers = [speaker(number, 0.001 * number, prompt_tokens=1200) for number in range(1, 4)]
    found = slowdowns(*speakers)
    assert len(found) > 50
    # One token takes 0.007 of them. At the end reading what is there takes more than half.
    assert all(KEPT_SHARE - 0.01 < longer < KEPT_SHARE + 0.025 for longer in found)
    assert median(found) < KEPT_SHARE


def test_what_takes_long_lengthens_them_by_more() -> None:
    slow = replace(NO_FREE_TOKENS, token_s=0.005)
    found = slowdowns(speaker(1, 0.0), cost=slow, prompt_tokens=600)
    assert found[1] > 0.9  # three tokens; the first iteration knows nothing of it yet
    assert found[-1] < 0.7


def test_one_at_a_time_is_computed_again() -> None:
    others = [
        talk(n, 0.001 * n, prompt_tokens=900, output_tokens=5, away_s=2.0) for n in (2, 3)
    ]
    found = iterations_with_recompute(speaker(1, 0.0), *others, cost=NO_FREE_TOKENS)
    most = max(sum(counts.get(name, 0) > 1 for name in ("0", "2", "3")) for counts in found)
    together = [counts for counts in found if sum(name in counts for name in "023") > 1]
    assert most <= 2  # where one of them ends
    assert len(together) < 20  # the answers


def test_a_result_is_not_held_back_by_one_that_computes_again() -> None:
    # It comes back while the other is at it, before its own context has left the device, with
    # more than the saturation point leaves.
    back = talk(2, 0.5, prompt_tokens=500, output_tokens=150, away_s=0.0, return_tokens=200)
    found = chunks(iterations_with_recompute(speaker(1, 0.001), back))
    taken_up = next(number for number, counts in enumerate(found) if counts.get("2", 0) > 1)
    assert found[taken_up - 1]["2"] == 1  # it ended with the call
    assert found[taken_up]["2"] == 201  # the result, and the call itself
    assert all(1 < counts["0"] < COST.saturation_tokens for counts in found)


def test_a_prompt_is_not_held_back_by_one_that_computes_again() -> None:
    late = Conversation(2, "other", 2.2, 300, (Segment(output_tokens=5),))
    found = chunks(iterations_with_recompute(speaker(1, 0.001), late))
    begun = next(number for number, counts in enumerate(found) if "2" in counts)
    assert begun > 0
    assert found[begun]["2"] == 300
    assert all(1 < counts["0"] < COST.saturation_tokens for counts in found)


def test_a_second_one_begins_when_the_first_leaves_time() -> None:
    again = talk(2, 0.001, prompt_tokens=900, output_tokens=5, away_s=2.0)
    found = iterations_with_recompute(speaker(1, 0.0), again)
    assert all("2" not in counts for counts in chunks(found)[:-1])
    assert sum(counts.get("2", 0) for counts in found) > 900
    result_tokens = 10 + 1  # with the call
    most = COST.saturation_tokens + result_tokens
    assert all(sum(counts.values()) <= most for counts in found)


def test_who_comes_after_one_that_waits_for_its_turn_does_not_pass_it() -> None:
    again = talk(2, 0.001, prompt_tokens=900, output_tokens=5, away_s=2.0)
    late = Conversation(3, "other", 2.32, 50, (Segment(output_tokens=5),))
    found = iterations_with_recompute(speaker(1, 0.0), again, late)
    begun = {
        name: next(number for number, counts in enumerate(found) if name in counts)
        for name in ("0", "2", "3")
    }
    assert begun["0"] < begun["2"] <= begun["3"]


def test_an_end_that_a_drafter_needs_whole_is_not_cut() -> None:
    """vLLM ends no chunk so near to the end of a prompt; with one token at a time there would
    be none."""
    found = iterations_with_recompute(
        speaker(1, 0.0), prompt_tokens=60, return_tokens=1, slowdown=1e-9, lookahead=8
    )
    own = [counts["0"] for counts in found if "0" in counts]
    assert own[0] == 1
    assert max(own) <= 8
    assert own[-1] == 1  # it speaks


def a_request(
    name: str, arrival_s: float, computed_tokens: int = 0, *, runs: bool = False
) -> Any:
    return SimpleNamespace(
        request_id=name,
        arrival_time=arrival_s,
        num_computed_tokens=computed_tokens,
        num_tokens_with_spec=computed_tokens + 1,
        num_output_placeholders=0,
        status=RequestStatus.RUNNING if runs else RequestStatus.WAITING,
    )


def pace_beside(
    *requests: Any, cost: LinearCostModel = COST, requeues: bool = False, **settings: bool
) -> RecomputePace:
    """Those of them that have not spoken have had 800 tokens, and compute them again."""
    values = {
        "need_mamba_block_aligned_split": False,
        "disable_chunked_mm_input": False,
        "enable_chunked_prefill": True,
        **settings,
    }
    scheduler: Any = SimpleNamespace(
        iterations=Iterations(lambda: 0.0),
        intercept_policy=SimpleNamespace(requeues=requeues),
        intercept_cost=cost,
        running=[r for r in requests if r.status is RequestStatus.RUNNING],
        requests={request.request_id: request for request in requests},
        max_num_scheduled_tokens=1000,
        scheduler_config=SimpleNamespace(long_prefill_token_threshold=0, **values),
        device=SimpleNamespace(held=lambda request: request.num_computed_tokens // 16),
        place=lambda request: (0, request.arrival_time, request.request_id),
        **values,
    )
    for request in requests:
        if request.request_id != "speaking":
            scheduler.iterations.recompute(request.request_id, 800)
    pace = RecomputePace(scheduler, None)
    pace.begin()
    return pace


SPEAKING = a_request("speaking", 0.0, 100, runs=True)


@pytest.mark.parametrize(
    "kept_whole",
    [
        {"need_mamba_block_aligned_split": True},
        {"disable_chunked_mm_input": True},
        {"enable_chunked_prefill": False},
        {"requeues": True},
    ],
)
def test_chunks_that_must_end_at_certain_places_are_left_alone(
    kept_whole: dict[str, bool],
) -> None:
    request = a_request("a", 1.0)
    assert pace_beside(SPEAKING, request).chunk(request, 0, 500) == COST.saturation_tokens - 1
    unbounded = pace_beside(SPEAKING, request, **kept_whole)
    assert unbounded.chunk(request, 0, 500) == 500
    assert unbounded.iterations_for(request, 0, 800) == 1


@pytest.mark.parametrize(
    ("arrival_s", "held_tokens", "tokens"),
    [
        (6.0, 0, 0),  # and all behind it wait with it
        (6.0, 160, 1),  # vLLM looks at it before those who hold nothing, whenever they came
        (4.0, 0, 1),  # its turn is next
    ],
)
def test_who_waits_for_its_turn_holds_up_none_who_came_before_it(
    arrival_s: float, held_tokens: int, tokens: int
) -> None:
    turn = a_request("turn", 5.0, 16, runs=True)
    waiting = a_request("waiting", arrival_s, held_tokens)
    pace = pace_beside(SPEAKING, turn, waiting)
    assert pace.chunk(turn, 16, 700) == COST.saturation_tokens - 1
    assert pace.chunk(waiting, held_tokens, 600) == tokens
    behind = a_request("behind", 7.0, 16, runs=True)
    running = pace_beside(SPEAKING, turn, behind)
    running.chunk(turn, 16, 700)
    assert running.chunk(behind, 16, 700) == 0  # it is looked at last, and holds up nobody


@pytest.mark.parametrize("token_s", [100e-6, 0.002, 0.02])
@pytest.mark.parametrize("tokens", [1, 20, 300, 5000])
def test_knows_about_how_many_iterations_a_recomputation_takes(
    token_s: float, tokens: int
) -> None:
    cost = replace(COST, token_s=token_s, context_token_s=0.0, saturation_tokens=1)
    left, count = tokens, 0
    while left > 0:
        left -= tokens_again(1, 0, cost, missing_tokens=left)
        count += 1
    own = a_request("own", 5.0)
    found = pace_beside(SPEAKING, own, cost=cost).iterations_for(own, 0, tokens)
    assert found == pytest.approx(count, rel=0.15)


def test_a_recomputation_waits_for_those_before_it() -> None:
    own = a_request("own", 5.0)
    alone = pace_beside(SPEAKING, own).iterations_for(own, 0, 300)
    before, after = a_request("before", 4.0, 50), a_request("after", 6.0, 50)
    assert pace_beside(SPEAKING, own, after).iterations_for(own, 0, 300) == alone
    both = pace_beside(SPEAKING, own, before, after).iterations_for(own, 0, 300)
    assert both >= alone + 750 // COST.saturation_tokens


def test_with_nobody_beside_it_all_is_computed_at_once() -> None:
    own = a_request("own", 5.0)
    assert pace_beside(a_request("other", 4.0, 16, runs=True)).iterations_for(own, 0, 300) == 1


def test_what_fits_into_the_pace_limits_nothing() -> None:
    found = iterations_with_recompute(speaker(1, 0.0), prompt_tokens=60, return_tokens=200)
    assert found[0]["0"] > 260
