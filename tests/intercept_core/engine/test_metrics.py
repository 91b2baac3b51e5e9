"""From the scheduler's reports to Prometheus, without an engine."""

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY
from vllm.v1.metrics.stats import SchedulerStats

from intercept_core.engine.metrics import LEVELS, TOTALS, InterceptMetrics
from intercept_core.scheduler.stats_report import KEY

CONFIG: Any = SimpleNamespace(model_config=SimpleNamespace(served_model_name="m"))


@pytest.fixture
def metrics() -> InterceptMetrics:
    return InterceptMetrics(CONFIG, [0])


def report(**parts: Any) -> SchedulerStats:
    whole = {"totals": {}, "levels": {}, "interceptions": []} | parts
    return SchedulerStats(kv_connector_stats={KEY: whole})


def value(name: str, **labels: str) -> float | None:
    labels = {"model_name": "m", "engine": "0"} | labels
    return REGISTRY.get_sample_value(f"infercept_{name}", labels)


def test_totals_grow_by_what_is_new(metrics: InterceptMetrics) -> None:
    for total in (3, 3, 5):
        metrics.record(report(totals={"decisions": {"swap": total}}), None)
    assert value("decisions_total", disposition="swap") == 5


def test_levels_go_up_and_down(metrics: InterceptMetrics) -> None:
    for level in (7, 2):
        metrics.record(report(levels={"host_blocks": {"free": level}}), None)
    assert value("host_blocks", state="free") == 2


def test_engines_are_told_apart(metrics: InterceptMetrics) -> None:
    metrics.record(report(totals={"parks": {"": 3}}), None, engine_idx=0)
    metrics.record(report(totals={"parks": {"": 1}}), None, engine_idx=1)
    assert value("parks_total") == 3
    assert value("parks_total", engine="1") == 1


def test_every_interception_is_observed(metrics: InterceptMetrics) -> None:
    one = {
        "kind": "tool",
        "context": "swapped",
        "parked_s": 2.0,
        "predicted_s": 5.0,
        "first_token_s": 0.25,
        "recomputed_tokens": 12,
    }
    other = one | {"kind": None, "predicted_s": None}
    metrics.record(report(interceptions=[one, other]), None)
    assert value("interception_seconds_sum", kind="tool") == 2.0
    assert value("interception_seconds_count", kind="unknown") == 1
    assert value("prediction_error_seconds_sum", kind="tool") == 3.0
    assert value("prediction_error_seconds_count", kind="unknown") is None
    assert value("resume_to_first_token_seconds_count", context="swapped") == 2
    assert value("interception_recomputed_tokens_sum", kind="tool") == 12


def test_vllms_own_numbers_are_left_alone(metrics: InterceptMetrics) -> None:
    stats = SchedulerStats(kv_connector_stats={"theirs": 1})
    metrics.record(stats, None)
    metrics.record(None, None)
    assert stats.kv_connector_stats == {"theirs": 1}


def test_an_engine_may_follow_another_in_a_process(metrics: InterceptMetrics) -> None:
    again = InterceptMetrics(CONFIG, [0])
    again.record(report(totals={"parks": {"": 1}}), None)
    assert value("parks_total") == 1


def test_names_say_their_units() -> None:
    units = ("seconds", "blocks", "tokens", "requests")
    counted = {"parks", "resumes", "decisions", "contexts_reclaimed", "overdue"}
    for name in {*TOTALS, *LEVELS} - counted - {"blocks_over_limit"}:
        assert name.endswith(units), name
