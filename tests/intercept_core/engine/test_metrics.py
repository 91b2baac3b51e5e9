"""From the scheduler's reports to Prometheus, without an engine."""

from types import SimpleNamespace
from typing import Any

import pytest
from recorded_metrics import RecordedMetrics
from vllm.v1.metrics.stats import SchedulerStats

from intercept_core.engine.metrics import InterceptMetrics
from intercept_core.scheduler.stats_report import KEY

CONFIG: Any = SimpleNamespace(model_config=SimpleNamespace(served_model_name="m"))


@pytest.fixture
def registry() -> RecordedMetrics:
    return RecordedMetrics()


@pytest.fixture
def metrics(registry: RecordedMetrics) -> InterceptMetrics:
    class Recorded(InterceptMetrics):
        pass

    Recorded.registry = registry
    return Recorded(CONFIG, [0])


def report(**parts: Any) -> SchedulerStats:
    whole = {"totals": {}, "levels": {}, "interceptions": []} | parts
    return SchedulerStats(kv_connector_stats={KEY: whole})


def test_totals_grow_by_what_is_new(
    metrics: InterceptMetrics, registry: RecordedMetrics
) -> None:
    for total in (3, 3, 5):
        metrics.record(report(totals={"decisions": {"swap": total}}), None)
    assert registry.values["decisions", "m", "0", "swap"] == [3, 2]


def test_a_total_without_events_stands_at_zero(
    metrics: InterceptMetrics, registry: RecordedMetrics
) -> None:
    metrics.record(report(totals={"overdue": {"": 0}}), None)
    assert registry.values["overdue", "m", "0"] == [0]


def test_levels_go_up_and_down(metrics: InterceptMetrics, registry: RecordedMetrics) -> None:
    for level in (7, 2):
        metrics.record(report(levels={"host_blocks": {"free": level}}), None)
    assert registry.values["host_blocks", "m", "0", "free"] == [7, 2]


def test_kinds_of_which_none_is_parked_any_more_go_to_zero(
    metrics: InterceptMetrics, registry: RecordedMetrics
) -> None:
    metrics.record(report(levels={"parked_requests": {"": 1, "tool": 2}}), None)
    metrics.record(report(levels={"parked_requests": {"tool": 1}}), None)
    metrics.record(report(levels={"parked_requests": {}}), None)
    assert registry.values["parked_requests", "m", "0", "tool"] == [2, 1, 0]
    assert registry.values["parked_requests", "m", "0", "unknown"] == [1, 0, 0]


def test_engines_are_told_apart(metrics: InterceptMetrics, registry: RecordedMetrics) -> None:
    metrics.record(report(totals={"parks": {"": 3}}), None, engine_idx=0)
    metrics.record(report(totals={"parks": {"": 1}}), None, engine_idx=1)
    assert registry.total("parks", "m", "0") == 3
    assert registry.total("parks", "m", "1") == 1


def test_every_interception_is_observed(
    metrics: InterceptMetrics, registry: RecordedMetrics
) -> None:
    one = {
        "kind": "tool",
        "context": "swapped",
        "parked_s": 2.0,
        "predicted_s": 5.0,
        "resume_s": 0.125,
        "first_token_s": 0.25,
        "recomputed_tokens": 12,
    }
    other = one | {"kind": None, "predicted_s": None}
    metrics.record(report(interceptions=[one, other]), None)
    tool, unknown = ("m", "0", "tool"), ("m", "0", "unknown")
    assert registry.total("interceptions", *tool, "swapped") == 1
    assert registry.total("interceptions", *unknown, "swapped") == 1
    assert registry.values["interception_seconds", *tool] == [2.0]
    assert registry.values["interception_seconds", *unknown] == [2.0]
    assert registry.values["predicted_seconds", *tool] == [5.0]
    assert registry.values["prediction_error_seconds", *tool] == [3.0]
    assert ("prediction_error_seconds", *unknown) not in registry.values
    assert registry.values["result_to_resume_seconds", *tool] == [0.125]
    swapped = ("m", "0", "swapped")
    assert registry.values["resume_to_first_token_seconds", *swapped] == [0.25, 0.25]
    assert registry.values["interception_recomputed_tokens", *tool] == [12]


def test_vllms_own_numbers_are_left_alone(metrics: InterceptMetrics) -> None:
    stats = SchedulerStats(kv_connector_stats={"theirs": 1})
    metrics.record(stats, None)
    metrics.record(None, None)
    assert stats.kv_connector_stats == {"theirs": 1}
