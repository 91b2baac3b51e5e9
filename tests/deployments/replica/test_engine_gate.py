import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from deployments.replica.engine_gate import EngineGate


class Engine:
    dead = False


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def gate(engine):
    async def answer(request):
        return PlainTextResponse(f"{gate.open} open")

    gate = EngineGate(Starlette(routes=[Route("/", answer)]), "abc", lambda: engine.dead)
    return gate


def test_a_response_names_its_replica(gate):
    response = TestClient(gate).get("/")
    assert response.headers["x-infercept-replica"] == "abc"


def test_open_requests_are_counted(gate):
    assert TestClient(gate).get("/").text == "1 open"
    assert gate.open == 0


def test_a_request_that_fails_is_not_open(gate):
    gate._app = None  # what stands behind is gone
    with pytest.raises(TypeError):
        TestClient(gate).get("/")
    assert gate.open == 0


def test_with_a_dead_engine_clients_are_told_to_come_again(gate, engine):
    engine.dead = True
    for _ in range(2):
        response = TestClient(gate).get("/")
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.headers["x-infercept-replica"] == "abc"
        assert "send the request again" in response.json()["error"]["message"]
        assert response.json()["error"]["code"] == 503
