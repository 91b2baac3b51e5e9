"""Who may use the routes that are not vLLM's own."""

import logging
from argparse import Namespace

import pytest
from starlette.testclient import TestClient
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.launchers.cli_args import FrontendArgs
from vllm.envs import disable_envs_cache

from deployments.api.interception_api import interception_api
from deployments.api.questions import Questions
from deployments.models import resolve
from deployments.status.report import ServerStatus
from deployments.status.route import status_route

STATUS = ServerStatus(application="a", model="m", policy="adaptive", deployments=[], engines=[])


async def collect():
    return STATUS


@pytest.fixture
def client(monkeypatch):
    """A client of vLLM's app with our routes, which has no engine and asks for a key."""
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    disable_envs_cache()  # vLLM keeps what it read once an engine has started in the process
    level = logging.getLogger().level  # a library of vLLM's app raises it for the whole process
    args = Namespace(
        **vars(FrontendArgs()) | vars(AsyncEngineArgs(model=resolve("tiny-tools")))
    )
    app = build_app(args, supported_tasks=("generate",))
    app.include_router(interception_api(Questions({})))
    app.include_router(status_route(collect))
    yield TestClient(app)  # not entered: vLLM's start would want an engine
    logging.getLogger().setLevel(level)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/status"),
        ("GET", "/v1/interceptions"),
        ("POST", "/v1/interceptions/some-id"),
    ],
)
def test_nobody_gets_in_without_the_key(client, method, path):
    assert client.request(method, path, json={"text": "x"}).status_code == 401
    wrong = {"Authorization": "Bearer guessed"}
    assert client.request(method, path, json={"text": "x"}, headers=wrong).status_code == 401


def test_with_the_key_there_are_answers(client):
    key = {"Authorization": "Bearer secret"}
    assert ServerStatus(**client.get("/v1/status", headers=key).json()) == STATUS
    assert client.get("/v1/interceptions", headers=key).json()["data"] == []
