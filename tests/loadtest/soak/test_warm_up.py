import httpx
import pytest
from live_server import live_server
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from loadtest.soak.warm_up import BATCH_SIZES, compute_batches

BROKEN_AT = 7
"""Tokens of a prompt that the server does not like."""


@pytest.fixture
def prompts():
    return []


@pytest.fixture
def url(prompts):
    async def models(request):
        return JSONResponse({"data": [{"id": "a-model"}]})

    async def complete(request):
        body = await request.json()
        assert (body["model"], body["max_tokens"]) == ("a-model", 1)
        prompts.append(body["prompt"])
        return JSONResponse({}, status_code=500 if len(body["prompt"]) == BROKEN_AT else 200)

    routes = [
        Route("/v1/models", models),
        Route("/v1/completions", complete, methods=["POST"]),
    ]
    with live_server(Starlette(routes=routes)) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_prompt_of_every_size_is_computed(url, prompts):
    compute_batches(url, range(10, 20))
    assert [len(prompt) for prompt in prompts] == list(range(10, 20))
    starts = {tuple(prompt[:8]) for prompt in prompts}
    assert len(starts) == len(prompts), "the prefix cache would spare the server the work"


def test_there_are_more_sizes_than_kernels_are_kept():
    assert 4 * len(BATCH_SIZES) > 1024


def test_a_server_that_cannot_is_told(url):
    with pytest.raises(httpx.HTTPStatusError, match="500"):
        compute_batches(url, range(5, 10))
