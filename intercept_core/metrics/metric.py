"""What a metric is, whoever exports it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

PREFIX = "infercept_"
"""Before the name of every metric of ours."""

Record = Callable[..., None]
"""``record(value, *label_values)``: adds to a counter, sets a gauge, or is one observation of a
histogram. Adding 0 to a counter makes its series, so that a rate sees the first event, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """The one definition of a metric, for every registry.

    Attributes:
        name: Without the prefix, and without the ``_total`` that is exported behind the names
            of counters.
        type: What Prometheus takes it for.
        text: What it says.
        labels: Names of its labels, in the order in which values are given.
        buckets: Upper bounds of a histogram's buckets, all positive: Ray takes no others.
    """

    name: str
    type: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """The name in a registry."""
        return PREFIX + self.name


class MetricRegistry(ABC):
    """Where metrics are exported from."""

    @abstractmethod
    def add(self, metric: Metric) -> Record:
        """Makes ``metric``; the result records its values, in some microseconds."""


class Registries(MetricRegistry):
    """Several registries, each of which gets every value.

    Args:
        registries: Whom to tell.
    """

    def __init__(self, *registries: MetricRegistry) -> None:
        self._registries = registries

    def add(self, metric: Metric) -> Record:
        records = [registry.add(metric) for registry in self._registries]

        def record(value: float, *labels: str) -> None:
            for one in records:
                one(value, *labels)

        return record
