"""Deadlines and bounds of parked requests, on a real engine stepped by hand."""

import itertools
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_process_engine import InProcessEngine
from parking import Clock, park, resume
from pydantic import ValidationError
from script import random_ids

from intercept_core.policy.preserve import Preserve
from intercept_core.scheduler.config import InterceptConfig
from intercept_core.scheduler.control import handle
from intercept_core.scheduler.deadlines import ParkDeadlines

_names = itertools.count()


@pytest.fixture(autouse=True)
def preserve(engine: InProcessEngine) -> Iterator[None]:
    """What a test changes is as it was afterwards."""
    scheduler = engine.scheduler
    scheduler.intercept_policy = Preserve()
    assert scheduler.reset_prefix_cache()
    parked_blocks, clock = scheduler.limits.parked_blocks, scheduler.clock
    yield
    scheduler.limits.parked_blocks = parked_blocks
    scheduler.clock = clock


@pytest.fixture
def clock(engine: InProcessEngine) -> Clock:
    clock = Clock()
    engine.scheduler.clock = clock
    return clock


@pytest.fixture
def rng() -> random.Random:
    return random.Random(5)


def test_a_request_whose_result_never_comes_ends(
    engine: InProcessEngine, rng: random.Random, clock: Clock
) -> None:
    free_blocks = engine.free_blocks
    overdue = engine.scheduler.telemetry.overdue
    early = park(engine, random_ids(rng, 100))
    clock.now_s += 2000
    late = park(engine, random_ids(rng, 100))
    engine.drain()
    assert not engine.core.scheduler.has_requests()
    clock.now_s += 1600
    assert engine.core.scheduler.has_requests()
    engine.drain()
    assert early not in engine.scheduler.requests
    assert late in engine.scheduler.parked
    turn = engine.turns[early][-1]
    assert turn.finish_reason == "abort"
    assert turn.stop_reason == "park_deadline: no result came within 3600 s"
    assert engine.scheduler.telemetry.overdue == overdue + 1
    engine.close(late)
    assert engine.free_blocks == free_blocks


def test_a_result_in_time_stops_the_deadline(
    engine: InProcessEngine, rng: random.Random, clock: Clock
) -> None:
    name = park(engine, random_ids(rng, 40))
    clock.now_s += 3599
    resume(engine, name, random_ids(rng, 5), 3)
    clock.now_s += 3599
    engine.run_until(lambda: engine.ended(name))
    assert engine.turns[name][-1].finish_reason == "length"
    engine.close(name)


def test_a_late_result_of_an_overdue_request_starts_nothing(
    engine: InProcessEngine, rng: random.Random, clock: Clock
) -> None:
    name = park(engine, random_ids(rng, 40))
    clock.now_s += 3600
    engine.drain()
    resume(engine, name, random_ids(rng, 5), 3)
    engine.drain()
    assert name not in engine.scheduler.requests


def test_an_engine_that_rests_is_woken_for_a_deadline(
    engine: InProcessEngine, rng: random.Random
) -> None:
    scheduler = engine.scheduler
    name = park(engine, random_ids(rng, 40))
    rung = threading.Event()
    deadlines = ParkDeadlines(
        scheduler.parked, scheduler._endings, scheduler.telemetry, 0.02, scheduler.clock
    )
    parked = scheduler.parked.get(name)
    assert parked is not None
    parked.since_s = scheduler.clock()
    deadlines.wake = rung.set
    while not deadlines.due:  # sets the alarm, as the engine does before it rests
        assert rung.wait(10)
        rung.clear()
    deadlines.end_overdue()
    assert name not in scheduler.requests


def test_parked_contexts_hold_no_more_than_they_may(
    engine: InProcessEngine, rng: random.Random
) -> None:
    engine.scheduler.limits.parked_blocks = 8
    names = [park(engine, random_ids(rng, 160)) for _ in range(3)]
    scheduler = engine.scheduler
    assert len(scheduler.device.parked) <= 8
    handle(
        scheduler, "etas", [[names[0], 1.0, "a", None, None], [names[1], 9.0, "b", None, None]]
    )
    scheduler.limits.parked_blocks = 5
    scheduler._decider.decide()
    held = [scheduler.parked.get(name).device_blocks for name in names]  # type: ignore[union-attr]
    assert sum(held) == 5
    assert held[0] == 5, "the one expected first keeps its context"
    for name in names:
        resume(engine, name, random_ids(rng, 5), 3)
    engine.run_until(lambda: all(map(engine.ended, names)))
    for name in names:
        engine.close(name)


def test_no_share_means_that_every_context_goes(
    engine: InProcessEngine, rng: random.Random
) -> None:
    free_blocks = engine.free_blocks
    engine.scheduler.limits.parked_blocks = 0
    name = park(engine, random_ids(rng, 100))
    assert engine.free_blocks == free_blocks
    engine.close(name)


@pytest.mark.parametrize(
    "field",
    [{"park_deadline_s": 0}, {"max_parked_device_share": 1.5}],
    ids=["deadline", "share"],
)
def test_impossible_limits_are_refused(field: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(field))):
        InterceptConfig.model_validate(field)


def test_a_cache_that_cannot_hold_the_longest_context_is_refused(random_llama: Path) -> None:
    """So no session can be too long for the cache that is not too long for the model."""
    with pytest.raises(ValueError, match="max_model_len"):
        InProcessEngine(random_llama, async_scheduling=False, num_gpu_blocks_override=20)


@pytest.mark.parametrize("others", [0, 2])
def test_a_context_may_fill_the_whole_cache(
    small: InProcessEngine, rng: random.Random, others: int
) -> None:
    name = park(small, random_ids(rng, 500))
    waiting = [park(small, random_ids(rng, 200)) for _ in range(others)]
    resume(small, name, random_ids(rng, 500), 50)
    small.run_until(lambda: small.ended(name))
    assert small.turns[name][-1].finish_reason == "length"
    assert len(small.turns[name][-1].token_ids) == 1024 - 501 - 500
    for session in [name, *waiting]:
        small.close(session)
    small.drain()
    assert not small.scheduler.requests
