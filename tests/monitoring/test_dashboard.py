"""The Grafana dashboard asks for metrics that are documented, and for all of ours.

That what is documented is exported, another test finds out on a running server.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from documented_metrics import OURS, documented
from promql_parser import AggregateExpr, BinaryExpr, Call, MatrixSelector, VectorSelector

from intercept_core.metrics import catalogue

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
ENDINGS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
SERVES = {"application", "deployment", "replica"}
"""Labels of all that is ours on Ray's page."""
COLUMNS = 24

SERIES = {metric.name + end: metric for metric in documented() for end in ENDINGS[metric.type]}


@pytest.fixture(scope="module")
def dashboard() -> Any:
    return json.loads((MONITORING / "grafana" / "dashboards" / "infercept.json").read_text())


@pytest.fixture(scope="module")
def panels(dashboard: Any) -> Any:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


@pytest.fixture(scope="module")
def queries(panels: Any) -> list[Any]:
    """Every query, read by Prometheus's grammar."""
    return [parsed(target["expr"]) for panel in panels for target in panel["targets"]]


def parsed(query: str) -> Any:
    """The query with Grafana's variables in place."""
    return promql_parser.parse(re.sub(r"\$\w+", ".*", query.replace("$__rate_interval", "1m")))


def parts(query: Any, type: Any) -> list[Any]:
    """All expressions of a type in a query."""

    def walk(one: Any) -> Iterator[Any]:
        yield one
        if isinstance(one, BinaryExpr):
            yield from walk(one.lhs)
            yield from walk(one.rhs)
        elif isinstance(one, Call):
            for argument in one.args:
                yield from walk(argument)
        elif isinstance(one, AggregateExpr):
            yield from walk(one.expr)
        elif isinstance(one, MatrixSelector):
            yield one.vector_selector

    return [one for one in walk(query) if isinstance(one, type)]


def labels_of(series: str) -> set[str]:
    """The labels that may be asked of a series."""
    labels = set(SERIES[series].labels)
    if series.startswith(OURS):
        labels |= SERVES
    return labels | {"le"} if series.endswith("_bucket") else labels


def asked(queries: list[Any]) -> set[str]:
    return {selector.name for query in queries for selector in parts(query, VectorSelector)}


def test_all_that_is_asked_for_is_documented(queries: list[Any]) -> None:
    assert asked(queries) <= SERIES.keys()


def test_none_of_ours_is_forgotten(queries: list[Any]) -> None:
    shown = {SERIES[series].name for series in asked(queries)}
    ours = {metric.name for metric in documented() if metric.name.startswith(OURS)}
    assert ours - shown == set()


def test_the_catalogue_is_documented() -> None:
    """Also what a server without a GPU, a host pool or a fault has no reason to export."""
    told = {metric.name: metric for metric in documented() if metric.name.startswith(OURS)}
    total = {"counter": "_total", "gauge": "", "histogram": ""}
    ours = {f"ray_{one.full_name}{total[one.type]}": one for one in catalogue.ALL}
    assert told.keys() == ours.keys()
    for name, metric in ours.items():
        assert (told[name].type, told[name].labels) == (metric.type, set(metric.labels)), name


def test_labels_are_those_of_the_metrics(queries: list[Any]) -> None:
    for query in queries:
        for selector in parts(query, VectorSelector):
            asked_of = {matcher.name for matcher in selector.matchers.matchers}
            assert asked_of <= labels_of(selector.name), query.prettify()
        for aggregate in parts(query, AggregateExpr):
            if aggregate.modifier is not None:
                for selector in parts(aggregate, VectorSelector):
                    grouped = set(aggregate.modifier.labels)
                    assert grouped <= labels_of(selector.name), query.prettify()


def test_counters_are_rated_and_nothing_else_is(queries: list[Any]) -> None:
    for query in queries:
        rated = {
            selector.name
            for one in parts(query, Call)
            if one.func.name in ("rate", "increase")
            for selector in parts(one, VectorSelector)
        }
        counters = {name for name in asked([query]) if SERIES[name].type != "gauge"}
        assert rated == counters, query.prettify()


def test_quantiles_keep_the_bounds_of_buckets(queries: list[Any]) -> None:
    for query in queries:
        for quantile in parts(query, Call):
            if quantile.func.name == "histogram_quantile":
                (aggregate,) = parts(quantile, AggregateExpr)
                assert "le" in aggregate.modifier.labels
                assert all(name.endswith("_bucket") for name in asked([quantile]))


def test_legends_name_labels_that_are_kept(panels: Any) -> None:
    for panel in panels:
        for target in panel["targets"]:
            kept = {
                label
                for aggregate in parts(parsed(target["expr"]), AggregateExpr)
                for label in (aggregate.modifier.labels if aggregate.modifier else ())
            }
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert named == kept - {"le"}, panel["title"]


def test_panels_have_a_place_of_their_own(dashboard: Any) -> None:
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, panel["title"]
                taken.add((x, y))
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identifiers)) == len(identifiers)


def test_every_panel_says_what_it_shows(panels: Any) -> None:
    for panel in panels:
        assert panel["title"] and panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


def test_the_data_source_is_the_provisioned_one(dashboard: Any, panels: Any) -> None:
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard)))
    assert used - variables <= {"__rate_interval", "__all"}
    for variable in dashboard["templating"]["list"][1:]:
        metric, label = re.fullmatch(
            r"label_values\((\w+), (\w+)\)", variable["definition"]
        ).groups()
        assert label in labels_of(metric)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    provisioning = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
