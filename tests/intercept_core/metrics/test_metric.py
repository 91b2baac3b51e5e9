import pytest
from recorded_metrics import RecordedMetrics

from intercept_core.metrics.metric import Metric, Registries


def test_every_registry_gets_every_value() -> None:
    registries = RecordedMetrics(), RecordedMetrics()
    metric = Metric(name="things", type="counter", text="Things.", labels=("color",))
    record = Registries(*registries).add(metric)
    record(2, "red")
    record(1, "red")
    for registry in registries:
        assert registry.values["things", "red"] == [2, 1]


def test_a_metric_cannot_be_changed() -> None:
    metric = Metric(name="things", type="counter", text="Things.")
    with pytest.raises(AttributeError):
        metric.name = "others"  # type: ignore[misc]
