"""The Grafana dashboard asks for metrics that are exported, and for all of ours."""

import ast
import json
import re
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from intercept_core.engine.metrics import InterceptMetrics

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "monitoring"
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
COLUMNS = 24


@pytest.fixture(scope="module")
def dashboard() -> Any:
    return json.loads((MONITORING / "grafana" / "dashboards" / "infercept.json").read_text())


@pytest.fixture(scope="module")
def panels(dashboard: Any) -> Any:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


@pytest.fixture(scope="module")
def queries(panels: Any) -> list[str]:
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.fixture(scope="module")
def ours() -> dict[str, set[str]]:
    """The series that an engine exports, by the metric that they belong to."""
    config: Any = SimpleNamespace(model_config=SimpleNamespace(served_model_name="m"))
    InterceptMetrics(config, [0])
    return {
        family.name: {family.name + suffix for suffix in SUFFIXES[family.type]}
        for family in REGISTRY.collect()
        if family.name.startswith("infercept_")
    }


def vllms() -> set[str]:
    """The names in vLLM's sources; its loggers want a whole engine."""
    spec = find_spec("vllm")
    assert spec is not None and spec.origin is not None
    names = set()
    for source in (Path(spec.origin).parent / "v1" / "metrics").glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Constant) and str(node.value).startswith("vllm:"):
                names.add(str(node.value))
    return names


def asked(queries: list[str], prefix: str) -> set[str]:
    return set(re.findall(rf"{prefix}\w+", " ".join(queries)))


def test_our_metrics_are_exported(queries: list[str], ours: dict[str, set[str]]) -> None:
    assert asked(queries, "infercept_") <= set().union(*ours.values())


def test_none_of_our_metrics_is_forgotten(
    queries: list[str], ours: dict[str, set[str]]
) -> None:
    shown = asked(queries, "infercept_")
    assert [name for name, series in ours.items() if not series & shown] == []


def test_vllm_has_the_others(queries: list[str]) -> None:
    known = vllms()
    for name in asked(queries, "vllm:"):
        metric = re.sub(r"_(total|bucket|sum|count)$", "", name)
        assert metric in known or name in known, name


def test_queries_are_well_formed(queries: list[str]) -> None:
    """PromQL's own parser cannot be had here: brackets, and rates of counters alone."""
    for query in queries:
        for opening, closing in ("()", "{}", "[]"):
            assert query.count(opening) == query.count(closing), query
        rated = re.findall(r"(?:rate|increase)\(([\w:]+)", query)
        assert all(name.endswith(("_total", "_bucket", "_count")) for name in rated), query


def test_labels_are_those_of_the_metrics(queries: list[str]) -> None:
    table = (ROOT / "docs" / "architecture.md").read_text()
    known = set(re.findall(r"`(\w+)`", table)) | {"le", "model_name"}
    for query in queries:
        grouped = re.findall(r"by \(([^)]*)\)", query)
        used = {label.strip() for labels in grouped for label in labels.split(",")}
        assert used <= known, query


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
    assert all(panel["description"] and panel["title"] for panel in panels)


def test_the_data_source_is_the_provisioned_one(dashboard: Any, panels: Any) -> None:
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard)))
    assert used - variables <= {"__rate_interval", "__all"}
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    provisioning = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)


def test_the_registry_speaks_prometheus_text(ours: dict[str, set[str]]) -> None:
    from prometheus_client import generate_latest

    families = text_string_to_metric_families(generate_latest(REGISTRY).decode())
    assert ours.keys() <= {family.name for family in families}
