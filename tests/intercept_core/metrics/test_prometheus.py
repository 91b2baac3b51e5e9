import pytest
from prometheus_client import CollectorRegistry

from intercept_core.metrics.metric import Metric
from intercept_core.metrics.prometheus import PrometheusRegistry


@pytest.fixture
def pages() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def registry(pages: CollectorRegistry) -> PrometheusRegistry:
    return PrometheusRegistry(pages)


def metric(type: str, *labels: str) -> Metric:
    return Metric(name="things", type=type, text="Things.", labels=labels, buckets=(1, 5))  # type: ignore[arg-type]


def test_a_counter_grows(registry: PrometheusRegistry, pages: CollectorRegistry) -> None:
    record = registry.add(metric("counter", "color"))
    record(2, "red")
    record(1, "red")
    record(0, "blue")
    assert pages.get_sample_value("infercept_things_total", {"color": "red"}) == 3
    assert pages.get_sample_value("infercept_things_total", {"color": "blue"}) == 0


def test_a_gauge_is_set(registry: PrometheusRegistry, pages: CollectorRegistry) -> None:
    record = registry.add(metric("gauge", "color"))
    record(2, "red")
    record(1, "red")
    assert pages.get_sample_value("infercept_things", {"color": "red"}) == 1


def test_a_histogram_observes(registry: PrometheusRegistry, pages: CollectorRegistry) -> None:
    record = registry.add(metric("histogram", "color"))
    for value in (0.5, 3, 7):
        record(value, "red")
    assert pages.get_sample_value("infercept_things_sum", {"color": "red"}) == 10.5
    for bound, count in (("1.0", 1), ("5.0", 2), ("+Inf", 3)):
        labels = {"color": "red", "le": bound}
        assert pages.get_sample_value("infercept_things_bucket", labels) == count


@pytest.mark.parametrize("type", ["counter", "gauge", "histogram"])
def test_a_metric_follows_an_earlier_one_of_its_name(
    registry: PrometheusRegistry, pages: CollectorRegistry, type: str
) -> None:
    registry.add(metric(type, "color"))(1, "red")
    registry.add(metric(type, "color"))
    assert [sample for family in pages.collect() for sample in family.samples] == []
