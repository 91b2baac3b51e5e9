import re

import pytest

from intercept_core.metrics.catalogue import ALL
from intercept_core.metrics.metric import Metric

UNITS = ("_seconds", "_blocks", "_tokens", "_requests", "_calls", "_ratio")
COUNTED = {
    *("parks", "decisions", "interceptions", "contexts_reclaimed", "overdue"),
    *("calls", "call_retries", "blocks_over_limit"),
}
RESERVED = {"deployment", "replica", "application", "route", "le", "quantile"}


def test_names_are_unique() -> None:
    assert len({metric.name for metric in ALL}) == len(ALL)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
class TestMetric:
    def test_its_name_says_its_unit(self, metric: Metric) -> None:
        assert re.fullmatch(r"[a-z][a-z_]*[a-z]", metric.name)
        assert metric.name in COUNTED or metric.name.endswith(UNITS)

    def test_its_labels_are_not_those_of_ray(self, metric: Metric) -> None:
        assert not RESERVED & set(metric.labels)
        assert len(set(metric.labels)) == len(metric.labels)

    def test_ray_takes_its_buckets(self, metric: Metric) -> None:
        assert bool(metric.buckets) == (metric.type == "histogram")
        assert list(metric.buckets) == sorted(set(metric.buckets))
        assert all(bound > 0 for bound in metric.buckets)

    def test_it_says_what_it_is(self, metric: Metric) -> None:
        assert metric.text.endswith(".")
