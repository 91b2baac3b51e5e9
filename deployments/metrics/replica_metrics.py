"""Where a replica's metrics go: vLLM's and ours, twice.

``/metrics`` of the app shows what stock vLLM shows there, under its names, and ours beside it.
Behind a proxy that is one replica of several; so everything goes to Ray, too, which exports for
all replicas of a node. Imported in the replica only: it imports vLLM.
"""

from vllm.v1.metrics.loggers import PrometheusStatLogger
from vllm.v1.metrics.ray_wrappers import (
    RayCounterWrapper,
    RayGaugeWrapper,
    RayPrometheusStatLogger,
)

from deployments.metrics.gauge_keeper import KEEPER
from deployments.metrics.ray_metrics import RayRegistry, grow
from intercept_core.engine.metrics import InterceptMetrics
from intercept_core.metrics.metric import Registries
from intercept_core.metrics.prometheus import PrometheusRegistry

REGISTRY = Registries(PrometheusRegistry(), RayRegistry())
"""Takes our metrics to both."""


class ReplicaMetrics(InterceptMetrics):
    """The scheduler's reports, in both places."""

    registry = REGISTRY


class _KeptGauge(RayGaugeWrapper):
    """One of vLLM's gauges, which it sets while it works alone."""

    def set(self, value: float) -> None:
        KEEPER.set(self.metric, value, self._tags)


class _ZeroCounter(RayCounterWrapper):
    """One of vLLM's counters, which stands at zero before the first event."""

    _begun = False

    def inc(self, value: float = 1.0) -> None:
        if value or not self._begun:
            grow(self.metric, value, self._tags)
            self._begun = True


class VllmMetrics(RayPrometheusStatLogger):
    """vLLM's own numbers, on Ray's page."""

    _gauge_cls = _KeptGauge
    _counter_cls = _ZeroCounter


STAT_LOGGERS = (ReplicaMetrics, VllmMetrics, PrometheusStatLogger)
"""For vLLM's engine; vLLM leaves out its own logger where it is given one like it."""
