"""What is reported of interceptions and of the engine, on a real engine stepped by hand."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from in_process_engine import InProcessEngine
from parking import Clock, park
from script import random_ids
from vllm.v1.engine import EngineCoreOutputs
from vllm.v1.metrics.stats import SchedulerStats

from intercept_core.metrics import catalogue
from intercept_core.policy.adaptive import Adaptive
from intercept_core.policy.base import Policy
from intercept_core.policy.discard import Discard
from intercept_core.scheduler.control import handle
from intercept_core.scheduler.stats_report import INTERVAL_S, StatsReporter, take_report

_names = itertools.count()


@pytest.fixture
def clock(engine: InProcessEngine) -> Iterator[Clock]:
    scheduler = engine.scheduler
    clock, scheduler.clock = scheduler.clock, Clock()
    scheduler.interceptions.take()
    assert scheduler.reset_prefix_cache()
    yield scheduler.clock
    scheduler.clock = clock


@pytest.fixture
def rng() -> random.Random:
    return random.Random(7)


def intercept(
    engine: InProcessEngine, clock: Clock, token_ids: list[int], policy: Policy, seconds: float
) -> dict[str, Any]:
    """One interception that is expected to last 3 s; returns its report."""
    engine.scheduler.intercept_policy = policy
    name = park(engine, token_ids)
    handle(engine.scheduler, "etas", [[name, 3.0, "a tool", None, None]])
    engine.scheduler._decider.decide()
    clock.now_s += seconds
    engine.add(name, [5, 6, 7], max_tokens=4, resumable=True, ignore_eos=True)
    clock.now_s += 0.5
    engine.run_until(lambda: engine.ended(name))
    engine.close(name)
    (report,) = engine.scheduler.interceptions.take()
    return report


def test_an_interception_is_told_with_its_first_token(
    engine: InProcessEngine, rng: random.Random, clock: Clock
) -> None:
    report = intercept(engine, clock, random_ids(rng, 100), Adaptive(), 2.0)
    assert report["kind"] == "a tool"
    assert report["parked_s"] == pytest.approx(2.0)
    assert report["predicted_s"] == pytest.approx(3.0)
    assert report["first_token_s"] == pytest.approx(0.5)
    assert report["context"] == "preserved"
    assert report["dispositions"] == ["preserve"]
    assert (report["recomputed_tokens"], report["blocks_swapped_out"]) == (0, 0)


def test_decisions_and_what_they_cost_are_told(
    engine: InProcessEngine, rng: random.Random, clock: Clock, caching: bool
) -> None:
    report = intercept(engine, clock, random_ids(rng, 100), Discard(), 2.0)
    assert report["dispositions"] == ["preserve", "discard"]
    assert report["predicted_s"] is None
    assert report["recomputed_tokens"] == (4 if caching else 100)


def test_idle_memory_is_counted_in_bytes(
    engine: InProcessEngine, rng: random.Random, clock: Clock
) -> None:
    reporter = StatsReporter(engine.scheduler, enabled=True)
    before = reporter.report()["totals"]["waste_byte_seconds"]["preserved"]
    intercept(engine, clock, random_ids(rng, 100), Adaptive(), 2.0)
    after = reporter.report()["totals"]["waste_byte_seconds"]["preserved"]
    tensors = engine.scheduler.kv_cache_config.kv_cache_tensors
    block_bytes = sum(tensor.size for tensor in tensors) / 45
    assert after - before == pytest.approx(4 * block_bytes * 2.0)


def test_every_device_block_is_in_one_state(
    engine: InProcessEngine, rng: random.Random, clock: Clock
) -> None:
    scheduler = engine.scheduler
    scheduler.intercept_policy = Adaptive()
    token_ids = random_ids(rng, 100)
    (token,) = engine.generate(token_ids, 1)
    engine.add("idle", token_ids, max_tokens=9, triggers=frozenset({token}), resumable=True)
    engine.run_until(lambda: engine.ended("idle"))
    engine.add("busy", random_ids(rng, 60), max_tokens=5, ignore_eos=True)
    engine.run_until(lambda: bool(engine.turns["busy"][-1].token_ids))
    report = StatsReporter(scheduler, enabled=True).report()
    assert report["totals"].keys() == catalogue.TOTALS.keys()
    levels = report["levels"]
    assert levels.keys() == catalogue.LEVELS.keys()
    blocks = levels["device_blocks"]
    assert sum(blocks.values()) == 44
    assert (blocks["preserved"], blocks["running"], blocks["swapping"]) == (4, 2, 0)
    assert blocks["free"] + blocks["cached"] == engine.free_blocks
    assert levels["parked_requests"] == {"": 1}, "nobody has told of its kind"
    engine.run_until(lambda: engine.ended("busy"))
    engine.close("idle")


def test_reports_come_a_few_times_a_second(
    engine: InProcessEngine, rng: random.Random, clock: Clock
) -> None:
    reporter = StatsReporter(engine.scheduler, enabled=True)

    def reports() -> bool:
        outputs = {0: EngineCoreOutputs(scheduler_stats=SchedulerStats())}
        reporter.attach(outputs)
        stats = outputs[0].scheduler_stats
        assert stats is not None
        report = take_report(stats)
        assert stats.kv_connector_stats is None
        return report is not None

    engine.add("busy", random_ids(rng, 20), max_tokens=9, ignore_eos=True)
    engine.run_until(lambda: bool(engine.turns["busy"][-1].token_ids))
    assert [reports(), reports()] == [True, False]
    clock.now_s += INTERVAL_S
    assert [reports(), reports()] == [True, False]
    engine.run_until(lambda: engine.ended("busy"))
    engine.drain()
    assert reports(), "an engine at rest has no later chance"


def test_a_stranger_in_the_same_field_stays(engine: InProcessEngine) -> None:
    stats = SchedulerStats(kv_connector_stats={"theirs": 1})
    StatsReporter(engine.scheduler, enabled=True).attach(
        {0: EngineCoreOutputs(scheduler_stats=stats)}
    )
    assert take_report(stats) is not None
    assert stats.kv_connector_stats == {"theirs": 1}
    assert take_report(stats) is None


def test_nobody_is_reported_to_unless_asked_for(engine: InProcessEngine) -> None:
    stats = SchedulerStats()
    engine.scheduler.stats_reporter.attach({0: EngineCoreOutputs(scheduler_stats=stats)})
    assert stats.kv_connector_stats is None
