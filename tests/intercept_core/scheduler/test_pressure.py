"""Who gives way when memory is short, and how much of it."""

import random
from types import SimpleNamespace
from typing import Any

import pytest
from in_process_engine import InProcessEngine
from parking import park, resume
from script import random_ids
from vllm.v1.request import RequestStatus

from intercept_core.policy.preserve import Preserve
from intercept_core.scheduler.control import handle
from intercept_core.scheduler.iterations import Iterations
from intercept_core.scheduler.pressure import MemoryPressure
from intercept_core.scheduler.stats_report import StatsReporter


@pytest.fixture
def rng() -> random.Random:
    return random.Random(11)


def test_a_shared_beginning_takes_no_room(small: InProcessEngine, rng: random.Random) -> None:
    """A newcomer needs free blocks for what is its own alone, and no more are taken."""
    scheduler = small.scheduler
    scheduler.intercept_policy = Preserve()
    assert scheduler.reset_prefix_cache()
    beginning = random_ids(rng, 480)  # 15 blocks
    sharer, other = park(small, [*beginning, 7]), park(small, random_ids(rng, 500))
    soon_and_late = [[sharer, 1.0, "a", None, None], [other, 9.0, "b", None, None]]
    handle(scheduler, "etas", soon_and_late)
    assert small.free_blocks == 0
    small.add("newcomer", [*beginning, *random_ids(rng, 60)], max_tokens=3, ignore_eos=True)
    small.run_until(lambda: small.ended("newcomer"))
    held = {name: scheduler.parked.get(name).device_blocks for name in (sharer, other)}  # type: ignore[union-attr]
    assert held == {sharer: 16, other: 8}
    for name in (sharer, other):
        resume(small, name, random_ids(rng, 5), 3)
        small.run_until(lambda name=name: small.ended(name))  # type: ignore[misc]
        small.close(name)
    small.drain()
    assert not scheduler.requests


def test_contexts_with_one_beginning_hold_it_once(
    small: InProcessEngine, rng: random.Random
) -> None:
    """Four contexts of 10 blocks share 8 of them: 16 of 32, though 40 by their lengths."""
    scheduler = small.scheduler
    scheduler.intercept_policy = Preserve()
    assert scheduler.reset_prefix_cache()
    beginning = random_ids(rng, 256)
    before = scheduler.telemetry.blocks_over_limit
    names = [park(small, [*beginning, *random_ids(rng, 60)]) for _ in range(4)]
    scheduler._decider.decide()
    assert [scheduler.parked.get(name).device_blocks for name in names] == [10] * 4  # type: ignore[union-attr]
    assert len(scheduler.device.parked) == scheduler.device.parked_alone == 16
    assert small.free_blocks == 16
    levels = StatsReporter(scheduler, enabled=True).report()["levels"]["device_blocks"]
    assert (levels["preserved"], levels["running"]) == (16, 0)
    assert scheduler.telemetry.blocks_over_limit == before
    for name in names:
        resume(small, name, random_ids(rng, 5), 3)
        small.run_until(lambda name=name: small.ended(name))  # type: ignore[misc]
        small.close(name)
    small.drain()


def test_a_lost_end_that_is_still_cached_is_not_computed_again(
    small: InProcessEngine, rng: random.Random
) -> None:
    scheduler = small.scheduler
    scheduler.intercept_policy = Preserve()
    assert scheduler.reset_prefix_cache()
    name = park(small, random_ids(rng, 500))
    parked = scheduler.parked.get(name)
    assert parked is not None
    scheduler.cut(parked, 4)
    assert parked.device_blocks == 4
    resume(small, name, random_ids(rng, 5), 3)
    small.run_until(lambda: small.ended(name))
    assert small.turns[name][-1].report == {"context": "discarded", "recomputed_tokens": 20}
    small.close(name)
    small.drain()


@pytest.mark.parametrize("somebody_waits", [False, True])
def test_running_requests_get_room_to_grow_only_where_contexts_wait(
    small: InProcessEngine, rng: random.Random, somebody_waits: bool
) -> None:
    """Without interceptions the batch is vLLM's: a newcomer comes in when it fits."""
    scheduler = small.scheduler
    scheduler.intercept_policy = Preserve()
    assert scheduler.reset_prefix_cache()
    waiting = [park(small, random_ids(rng, 10))] if somebody_waits else []
    running = ["first", "second"]
    for name in running:
        small.add(name, random_ids(rng, 60), max_tokens=40, ignore_eos=True)
    small.step()
    newcomer = random_ids(rng, scheduler.block_size * small.free_blocks - 4)
    small.add("newcomer", newcomer, max_tokens=3, ignore_eos=True)
    small.step()
    assert len(scheduler.running) == (2 if somebody_waits else 3)
    small.run_until(lambda: all(map(small.ended, [*running, "newcomer"])))
    for name in waiting:
        resume(small, name, random_ids(rng, 5), 3)
        small.run_until(lambda name=name: small.ended(name))  # type: ignore[misc]
        small.close(name)
    small.drain()
    assert not scheduler.requests


def test_what_a_waiting_holder_loses_counts_as_computed_again() -> None:
    holder: Any = SimpleNamespace(request_id="holder", num_computed_tokens=100)
    cut: list[int] = []
    scheduler: Any = SimpleNamespace(
        iterations=Iterations(lambda: 0.0),
        kv_cache_manager=SimpleNamespace(watermark_blocks=0),
        device=SimpleNamespace(
            divisible=True, held=lambda request: 7, cut=lambda request, keep: cut.append(keep)
        ),
    )
    MemoryPressure(scheduler)._cut_holder(holder, 4)
    assert cut == [3]
    assert scheduler.iterations.tokens_before(holder) == 100


@pytest.mark.parametrize(
    ("held", "new_tokens", "paced", "left"),
    [
        (2, 200, True, 8),
        (12, 200, True, 0),  # with room for drafts
        (2, 10, True, 0),  # a result whose context is here takes next to nothing
        (2, 200, False, 0),
    ],
)
def test_a_newcomer_leaves_the_memory_that_a_slow_recomputation_still_needs(
    held: int, new_tokens: int, paced: bool, left: int
) -> None:
    slow: Any = SimpleNamespace(request_id="slow", num_tokens=100, num_computed_tokens=20)
    newcomer: Any = SimpleNamespace(
        request_id="new", num_tokens=new_tokens, status=RequestStatus.WAITING
    )
    layers = SimpleNamespace(block_size=10, max_admission_blocks_per_request=None)
    scheduler: Any = SimpleNamespace(
        iterations=Iterations(lambda: 0.0),
        pace=SimpleNamespace(is_bounding=paced),
        running=[slow],
        parked=(),
        swapper=None,
        kv_cache_manager=SimpleNamespace(
            watermark_blocks=3, coordinator=SimpleNamespace(single_type_managers=[layers])
        ),
        device=SimpleNamespace(held=lambda request: held if request is slow else 0),
    )
    scheduler.iterations.recompute("slow", 90)
    MemoryPressure(scheduler).set_headroom(newcomer)
    assert scheduler.kv_cache_manager.watermark_blocks == 3 + left
