"""Metrics in this process's Prometheus registry, which vLLM's app shows at ``/metrics``."""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from intercept_core.metrics.metric import Metric, MetricRegistry, Record


class PrometheusRegistry(MetricRegistry):
    """A registry of ``prometheus_client``.

    A metric takes the place of an earlier one of its name: a process may make one engine
    after the other, as vLLM allows for its own metrics.

    Args:
        registry: By default the one that vLLM uses.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry

    def add(self, metric: Metric) -> Record:
        name, labels = metric.full_name, metric.labels
        earlier = self._registry._names_to_collectors.get(name)
        if earlier is not None:
            self._registry.unregister(earlier)
        if metric.type == "counter":
            counter = Counter(name, metric.text, labels, registry=self._registry)
            return lambda value, *labels: counter.labels(*labels).inc(value)
        if metric.type == "gauge":
            gauge = Gauge(
                name,
                metric.text,
                labels,
                registry=self._registry,
                multiprocess_mode="mostrecent",
            )
            return lambda value, *labels: gauge.labels(*labels).set(value)
        histogram = Histogram(
            name, metric.text, labels, registry=self._registry, buckets=metric.buckets
        )
        return lambda value, *labels: histogram.labels(*labels).observe(value)
