"""Metrics on the port where Ray exports its own, a page for each node."""

from functools import partial
from typing import Any

from ray.serve import metrics

from deployments.metrics.gauge_keeper import KEEPER
from intercept_core.metrics.metric import Metric, MetricRegistry, Record


class RayRegistry(MetricRegistry):
    """Exports through Ray, so that every replica of a node is on the node's page.

    In a Serve replica Ray labels each metric with ``application``, ``deployment`` and
    ``replica``; and it puts ``ray_`` before all names. vLLM has a like adapter for its own
    metrics (``vllm.v1.metrics.ray_wrappers``), but workers must not import vLLM.
    """

    def add(self, metric: Metric) -> Record:
        keys = metric.labels
        common = {"name": metric.full_name, "description": metric.text, "tag_keys": keys}
        tags: dict[tuple[str, ...], dict[str, str]] = {}
        if metric.type == "counter":
            put = partial(grow, metrics.Counter(**common))
        elif metric.type == "gauge":
            put = partial(KEEPER.set, metrics.Gauge(**common))
        else:
            put = metrics.Histogram(**common, boundaries=list(metric.buckets)).observe

        def record(value: float, *labels: str) -> None:
            found = tags.get(labels)
            if found is None:
                found = tags[labels] = dict(zip(keys, labels, strict=True))
            put(value, found)

        return record


def grow(counter: Any, value: float, tags: dict[str, str]) -> None:
    """Adds to a counter of Ray's, also nothing.

    Ray refuses that, but without a zero before it no rate sees the first event.
    """
    if value:
        counter.inc(value, tags)
    else:
        counter._record(0.0, tags)
