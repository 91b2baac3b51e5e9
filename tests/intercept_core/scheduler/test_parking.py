"""What the scheduler does with parked sessions, on a real engine stepped by hand."""

import itertools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_process_engine import InProcessEngine
from parking import park, resume
from script import random_ids
from vllm.v1.request import RequestStatus

from intercept_core.policy.discard import Discard
from intercept_core.policy.improved_discard import ImprovedDiscard
from intercept_core.policy.preserve import Preserve
from intercept_core.scheduler.control import handle, snapshot

_names = itertools.count()


@pytest.fixture(autouse=True)
def preserve(engine: InProcessEngine) -> None:
    engine.scheduler.intercept_policy = Preserve()
    assert engine.scheduler.reset_prefix_cache()


@pytest.fixture
def rng() -> random.Random:
    return random.Random(11)


def steps_to_first_token(engine: InProcessEngine, token_ids: list[int]) -> int:
    name = f"probe-{next(_names)}"
    engine.add(name, token_ids, max_tokens=1, ignore_eos=True)
    return engine.run_until(lambda: bool(engine.turns[name][-1].token_ids))


def test_parked_sessions_take_no_slot(engine: InProcessEngine, rng: random.Random) -> None:
    probe = random_ids(rng, 20)
    idle_steps = steps_to_first_token(engine, probe)
    names = [park(engine, random_ids(rng, 20)) for _ in range(8)]
    assert engine.scheduler.max_num_running_reqs == 4
    assert steps_to_first_token(engine, probe) == idle_steps
    for name in names:
        engine.close(name)


def test_an_engine_with_parked_sessions_alone_rests(
    engine: InProcessEngine, rng: random.Random
) -> None:
    name = park(engine, random_ids(rng, 40))
    engine.drain()
    assert not engine.core.scheduler.has_requests()
    engine.close(name)


def test_discard_releases_at_once(engine: InProcessEngine, rng: random.Random) -> None:
    engine.scheduler.intercept_policy = Discard()
    free_blocks = engine.free_blocks
    name = park(engine, random_ids(rng, 100))
    assert engine.free_blocks == free_blocks
    engine.close(name)


def test_the_earlier_arrival_resumes_first(engine: InProcessEngine, rng: random.Random) -> None:
    engine.scheduler.intercept_policy = ImprovedDiscard()
    early = park(engine, random_ids(rng, 30))
    late = park(engine, random_ids(rng, 30))
    engine.add("newcomer", random_ids(rng, 30), max_tokens=1, ignore_eos=True)
    resume(engine, late, random_ids(rng, 5), 2)
    resume(engine, early, random_ids(rng, 5), 2)
    order = [request.request_id for request in engine.scheduler.waiting]
    assert order == [early, late, "newcomer"]
    engine.run_until(lambda: all(map(engine.ended, (early, late, "newcomer"))))
    engine.close(early)
    engine.close(late)


def test_a_policy_that_requeues_puts_a_resumed_request_last(
    engine: InProcessEngine, rng: random.Random
) -> None:
    engine.scheduler.intercept_policy = Discard()
    early = park(engine, random_ids(rng, 30))
    engine.add("newcomer", random_ids(rng, 30), max_tokens=1, ignore_eos=True)
    resume(engine, early, random_ids(rng, 5), 2)
    assert [r.request_id for r in engine.scheduler.waiting] == ["newcomer", early]
    engine.run_until(lambda: engine.ended(early) and engine.ended("newcomer"))
    engine.close(early)


def test_pressure_takes_parked_contexts_before_running_ones(
    engine: InProcessEngine, rng: random.Random
) -> None:
    names = [park(engine, random_ids(rng, 300)) for _ in range(3)]
    reclaimed = engine.scheduler.telemetry.reclaimed
    runners = [f"runner-{next(_names)}" for _ in range(2)]
    for runner in runners:
        engine.add(runner, random_ids(rng, 500), max_tokens=20, ignore_eos=True)
    preempted = 0

    def over() -> bool:
        nonlocal preempted
        preempted = max(
            [preempted, *(r.num_preemptions for r in engine.scheduler.requests.values())]
        )
        return all(map(engine.ended, runners))

    engine.run_until(over)
    assert preempted == 0
    assert engine.scheduler.telemetry.reclaimed > reclaimed
    for name in names:
        engine.close(name)


def test_a_call_without_estimate_gives_way_first(
    engine: InProcessEngine, rng: random.Random
) -> None:
    names = [park(engine, random_ids(rng, 300)) for _ in range(3)]
    kept, taken, also_kept = names
    reports = [[kept, 1.0, "a", 3.0, 20], [also_kept, 2.0, "b", None, None]]
    known = handle(engine.scheduler, "etas", reports)
    assert known == 2
    engine.add("big", random_ids(rng, 600), max_tokens=2, ignore_eos=True)
    engine.run_until(lambda: engine.ended("big"))
    states = snapshot(engine.scheduler)["parked"]
    assert [name for name in names if states[name]["lost_tokens"]] == [taken]
    assert states[kept]["kind"] == "a"
    for name in names:
        engine.close(name)


def test_two_half_resumed_sessions_do_not_wait_for_each_other(
    engine: InProcessEngine, rng: random.Random
) -> None:
    names = [park(engine, random_ids(rng, 600)) for _ in range(2)]
    for name in names:
        resume(engine, name, random_ids(rng, 380), 10)
    engine.run_until(lambda: all(map(engine.ended, names)))
    for name in names:
        engine.close(name)


def test_a_request_that_cannot_fit_takes_nothing(
    engine: InProcessEngine, rng: random.Random
) -> None:
    """Discarding for it would cost the others their contexts and help nobody."""
    engine.add("runner", random_ids(rng, 700), max_tokens=60, ignore_eos=True)
    engine.run_until(lambda: bool(engine.turns["runner"][-1].token_ids))
    names = [park(engine, random_ids(rng, 100)) for _ in range(2)]
    engine.add("newcomer", random_ids(rng, 900), max_tokens=1, ignore_eos=True)
    for _ in range(5):
        engine.step()
    states = snapshot(engine.scheduler)["parked"]
    assert [states[name]["disposition"] for name in names] == ["preserve", "preserve"]
    engine.run_until(lambda: engine.ended("newcomer"))
    for name in names:
        engine.close(name)


def test_the_report_comes_with_every_output_of_the_turn(
    engine: InProcessEngine, rng: random.Random
) -> None:
    """A slow reader gets outputs merged, with the last one's report; and the first may be
    the last."""
    for tokens in (1, 3):
        name = park(engine, random_ids(rng, 40))
        resume(engine, name, random_ids(rng, 5), tokens)
        reports = []
        while not engine.ended(name):
            reports += [
                output.kv_transfer_params
                for output in engine.step()
                if output.request_id == name
            ]
        assert len(reports) == tokens
        assert all(report and "intercept" in report for report in reports)
        engine.close(name)


def test_the_closing_message_of_an_ended_session_starts_nothing(
    engine: InProcessEngine, rng: random.Random
) -> None:
    dropped = engine.scheduler.telemetry.ghosts_dropped
    name = park(engine, random_ids(rng, 30))
    resume(engine, name, random_ids(rng, 5), 2)
    engine.run_until(lambda: engine.ended(name))
    assert name not in engine.scheduler.requests
    engine.close(name)
    assert name not in engine.scheduler.requests
    assert engine.scheduler.telemetry.ghosts_dropped == dropped + 1


def test_input_for_an_ended_session_is_dropped(
    engine: InProcessEngine, rng: random.Random, caplog: pytest.LogCaptureFixture
) -> None:
    name = park(engine, random_ids(rng, 30))
    engine.core.abort_requests([name])
    resume(engine, name, [5, 6], 2)
    assert name not in engine.scheduler.requests
    assert "which has ended" in caplog.text


def test_an_input_longer_than_the_model_is_cut(
    engine: InProcessEngine, rng: random.Random
) -> None:
    name = park(engine, random_ids(rng, 100))
    resume(engine, name, random_ids(rng, 1020), 50)
    engine.run_until(lambda: engine.ended(name))
    assert engine.turns[name][-1].finish_reason == "length"
    assert len(engine.turns[name][-1].token_ids) == 1
    engine.close(name)
    assert steps_to_first_token(engine, random_ids(rng, 20)) > 0


@pytest.mark.parametrize("policy", [Preserve, Discard])
def test_a_parked_session_can_be_aborted(
    engine: InProcessEngine, rng: random.Random, policy: type[Preserve] | type[Discard]
) -> None:
    engine.scheduler.intercept_policy = policy()
    name = park(engine, random_ids(rng, 100))
    engine.core.abort_requests([name])
    assert name not in engine.scheduler.parked
    assert name not in engine.scheduler.requests


def test_a_session_that_is_not_ours_stays_vllms(
    engine: InProcessEngine, rng: random.Random
) -> None:
    """A resumable request without our mark waits in the upstream queue."""
    parked = engine.scheduler.telemetry.parked
    engine.add("stock", random_ids(rng, 20), max_tokens=3, resumable=True, ignore_eos=True)
    engine.scheduler.requests["stock"].sampling_params.extra_args = None
    engine.run_until(lambda: engine.ended("stock"))
    request = engine.scheduler.requests["stock"]
    assert request.status == RequestStatus.WAITING_FOR_STREAMING_REQ
    assert engine.scheduler.telemetry.parked == parked
    engine.close("stock")


def test_new_weights_leave_no_old_context(engine: InProcessEngine, rng: random.Random) -> None:
    parked, resumed = (park(engine, random_ids(rng, 50)) for _ in range(2))
    resume(engine, resumed, random_ids(rng, 5), 3)
    assert engine.scheduler.reset_prefix_cache(reset_running_requests=True)
    assert engine.scheduler.get_kv_cache_usage() == 0
    engine.run_until(lambda: engine.ended(resumed))
    engine.close(parked)
    engine.close(resumed)


def test_a_client_cannot_pass_for_a_session(
    engine: InProcessEngine, rng: random.Random
) -> None:
    forged = {"intercept_session": "nonsense"}
    engine.add("forger", random_ids(rng, 20), max_tokens=2, extra_args=forged)
    engine.run_until(lambda: engine.ended("forger"))
    assert "forger" not in engine.scheduler.requests


def test_unknown_operations_are_named(engine: InProcessEngine) -> None:
    with pytest.raises(ValueError, match="'nonsense' is not one of"):
        handle(engine.scheduler, "nonsense", None)
    with pytest.raises(ValueError, match="set scheduler_cls"):
        handle(object(), "snapshot", None)


MOVES = st.lists(
    st.tuples(
        st.sampled_from(["start", "resume", "abort", "close", "step", "step", "step"]),
        st.integers(0, 5),
    ),
    max_size=60,
)


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(moves=MOVES, discard=st.booleans())
def test_no_order_of_events_loses_a_block_or_a_request(
    engine: InProcessEngine, moves: list[tuple[str, int]], discard: bool
) -> None:
    scheduler = engine.scheduler
    scheduler.intercept_policy = Discard() if discard else Preserve()
    rng = random.Random(3)
    every_token = frozenset(range(512))
    names: dict[int, str] = {}
    for move, slot in moves:
        name = names.get(slot, "")
        if move == "start" and not name:
            names[slot] = name = f"random-{next(_names)}"
            engine.add(
                name,
                random_ids(rng, rng.randint(1, 400)),
                max_tokens=3,
                triggers=every_token,
                resumable=True,
            )
        elif move == "resume" and name in scheduler.parked:
            triggers = every_token if rng.random() < 0.5 else frozenset()
            engine.add(
                name, random_ids(rng, 50), max_tokens=3, triggers=triggers, resumable=True
            )
        elif move == "abort" and name:
            engine.core.abort_requests([names.pop(slot)])
        elif move == "close" and name and engine.ended(name):
            engine.close(names.pop(slot))
        elif move == "step":
            engine.step()
        queued = {request.request_id for request in scheduler.waiting}
        queued |= {request.request_id for request in scheduler.kv_holding_waiting}
        assert not queued & {parked.request.request_id for parked in scheduler.parked}
        assert scheduler.num_waiting_for_streaming_input == 0
        assert len(scheduler.running) <= scheduler.max_num_running_reqs
    engine.core.abort_requests(list(names.values()))
    engine.drain()
    assert not scheduler.requests
    assert scheduler.get_kv_cache_usage() == 0
