import pytest
from recorded_metrics import RecordedMetrics

from intercept_core.bus.messages import FAILURE_CODES
from intercept_core.metrics.bus_metrics import BusMetrics


@pytest.fixture
def registry() -> RecordedMetrics:
    return RecordedMetrics()


@pytest.fixture
def metrics(registry: RecordedMetrics) -> BusMetrics:
    return BusMetrics(registry, "m", ["tool"])


def test_what_may_happen_stands_at_zero(metrics: BusMetrics, registry: RecordedMetrics) -> None:
    for outcome in ("succeeded", "abandoned", *FAILURE_CODES):
        assert registry.total("calls", "m", "tool", outcome) == 0
    assert registry.total("call_retries", "m", "tool") == 0


def test_calls_are_counted_by_kind_and_outcome(
    metrics: BusMetrics, registry: RecordedMetrics
) -> None:
    metrics.ended("tool", "succeeded")
    metrics.ended("tool", "deadline")
    metrics.ended("tool", "deadline")
    metrics.retried("tool")
    metrics.began("tool", 0.25)
    assert registry.total("calls", "m", "tool", "succeeded") == 1
    assert registry.total("calls", "m", "tool", "deadline") == 2
    assert registry.total("call_retries", "m", "tool") == 1
    assert registry.values["trigger_to_work_seconds", "m", "tool"] == [0.25]
