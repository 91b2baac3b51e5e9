"""A registry that keeps what it was told."""

from collections import defaultdict

from intercept_core.metrics.metric import Metric, MetricRegistry, Record


class RecordedMetrics(MetricRegistry):
    """Every value of every series, by the metric's name and its labels.

    Attributes:
        values: ``{(name, *labels): [value, ...]}``.
    """

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], list[float]] = defaultdict(list)

    def add(self, metric: Metric) -> Record:
        def record(value: float, *labels: str) -> None:
            assert len(labels) == len(metric.labels), (metric.name, labels)
            self.values[metric.name, *labels].append(value)

        return record

    def total(self, *series: str) -> float:
        """The sum of what a counter was told; an error if it never was."""
        assert series in self.values, sorted(self.values)
        return sum(self.values[series])
