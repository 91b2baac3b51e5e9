"""What HAProxy is answered, without Ray."""

import json

import pytest
from starlette.testclient import TestClient

from deployments.routing.hint import RouteHint
from deployments.routing.route_endpoint import route_app

MESSAGES = [{"role": "user", "content": "How many apples? " * 30}]
BODY = json.dumps({"messages": MESSAGES}).encode()


@pytest.fixture
def asked():
    return []


@pytest.fixture
def haproxy(asked):
    async def choose(hint):
        asked.append(hint)
        if hint.session_id == "lost":
            raise RuntimeError("nobody is there")
        return "app#LLMReplica#abc"

    with TestClient(route_app(choose)) as client:
        yield client


def test_it_names_a_replica(haproxy, asked):
    response = haproxy.post("/internal/route", content=BODY, headers={"X-Session-Id": "s"})
    assert response.json() == {"replica_id": "app#LLMReplica#abc"}
    assert asked == [RouteHint.of(BODY, "s")]


def test_a_body_that_was_cut_off_is_told_by_a_header(haproxy, asked):
    headers = {"X-Body-Truncated": "300/400"}
    haproxy.post("/internal/route", content=BODY[:300], headers=headers)
    assert asked == [RouteHint.of(BODY[:300], truncated=True)]


def test_a_request_without_a_body_is_routed(haproxy, asked):
    assert haproxy.post("/internal/route").status_code == 200
    assert asked == [RouteHint()]


def test_without_an_engine_it_is_a_503(haproxy):
    response = haproxy.post("/internal/route", headers={"x-session-id": "lost"})
    assert response.status_code == 503
    assert "nobody is there" in response.json()["detail"]
