"""What the documentation tells of metrics, against the page where Ray exports them."""

import time

import httpx
import openai
import pytest
from documented_metrics import OURS, documented
from prometheus_client.parser import text_string_to_metric_families
from scripted_app import CALL, PATIENCE_S, ask, call, tool

from deployments.metrics import metrics_page

RAYS_LABELS = {
    *("Component", "JobId", "NodeAddress", "SessionName", "Version", "WorkerId"),
    *("otel_scope_name", "otel_scope_schema_url", "otel_scope_version"),
    *("application", "deployment", "replica", "le"),
}


def exported():
    """Of each family on the page: its type, and the labels of all its samples."""
    (page,) = metrics_page.pages()
    families = {}
    for family in text_string_to_metric_families(httpx.get(page).text):
        labels = {label for sample in family.samples for label in sample.labels}
        families[family.name] = (family.type, labels, family.samples)
    return families


@pytest.fixture(scope="module")
def traffic(base_url, script):
    """A call inline, one of a worker, one of nothing, and a page that there is not."""
    with openai.OpenAI(base_url=f"{base_url}/v1", api_key="none", max_retries=0) as client:
        ask(client, script(CALL, "It is 42."))
        ask(client, script(call("notes", text="Milk."), "Done."), tools=[tool("notes")])
        ask(client, script(call("weather"), "Sorry."))
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("other/than/this")


LEFT_BY_TRAFFIC = [
    ("ray_infercept_worker_calls", {"deployment": "augmentation-notes"}),
    ("ray_infercept_calls", {"kind": "unknown", "outcome": "unknown_tool"}),
]
"""Processes export at different times, so the family may be there before the sample."""


def has_sample(found, family, labels):
    _, _, samples = found.get(family, (None, None, []))
    return any(labels.items() <= sample.labels.items() for sample in samples)


def exported_once(is_complete):
    """The page, once it is complete, or when patience ends."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        found = exported()
        if is_complete(found) or time.monotonic() > deadline_s:
            return found
        time.sleep(0.2)


@pytest.fixture(scope="module")
def page(traffic):
    """The page, once all that is documented is there, and all that the traffic left."""
    wanted = {metric.family for metric in documented()}
    return exported_once(
        lambda found: (
            wanted <= found.keys()
            and all(has_sample(found, *sample) for sample in LEFT_BY_TRAFFIC)
        )
    )


def test_what_is_documented_is_exported(page):
    missing = [metric.name for metric in documented() if metric.family not in page]
    assert missing == []


def test_all_of_ours_that_is_exported_is_documented(page):
    known = {metric.family for metric in documented()}
    assert [name for name in page if name.startswith(OURS) and name not in known] == []


@pytest.mark.parametrize("metric", documented(), ids=lambda metric: metric.name)
def test_types_and_labels_are_as_documented(page, metric):
    type, labels, _ = page[metric.family]
    assert type == metric.type
    if metric.name.startswith(OURS):
        assert labels - RAYS_LABELS == metric.labels
    else:
        assert metric.labels <= labels


def test_ours_say_where_they_come_from(page):
    for name, (_, labels, _) in page.items():
        if name.startswith(OURS):
            assert {"application", "deployment", "replica"} <= labels, name


def test_an_event_is_counted_once(page):
    _, _, samples = page["ray_infercept_worker_calls"]
    notes = [s for s in samples if s.labels["deployment"] == "augmentation-notes"]
    assert {s.labels["outcome"] for s in notes} == {"succeeded"}
    assert all(s.value >= 1 for s in notes)


def test_calls_of_what_is_not_there_are_counted_without_their_names(page):
    _, _, samples = page["ray_infercept_calls"]
    unknown = {s.labels["outcome"]: s.value for s in samples if s.labels["kind"] == "unknown"}
    assert unknown["unknown_tool"] >= 1
    assert "weather" not in {s.labels["kind"] for s in samples}


def test_what_may_happen_stands_at_zero_before(page):
    _, _, samples = page["ray_infercept_calls"]
    never = [
        s.value
        for s in samples
        if (s.labels["kind"], s.labels["outcome"]) == ("speech", "protocol")
    ]
    assert never == [0]


def test_gauges_stay_while_everything_rests(page):
    """Ray by itself drops them when they were not set for two of its intervals, of a second."""
    gauges = {
        metric.family
        for metric in documented()
        # Ray Serve's are its own, and it sets them when it likes.
        if metric.type == "gauge" and not metric.family.startswith("ray_serve_")
    }
    time.sleep(3.0)
    # On a slow machine one may be late; what nobody sets any more never comes back.
    found = exported_once(lambda found: gauges <= found.keys())
    assert gauges - found.keys() == set()
