import httpx
import pytest
from live_server import live_server
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from loadtest.soak.levels import Levels
from loadtest.soak.warm_up import MOST_PROMPTS, PROMPT_TOKENS, fill_cache

BLOCK_TOKENS = 64


class Server:
    """A cache of blocks that no prompt writes twice."""

    def __init__(self, blocks):
        self.blocks = blocks
        self.prompts = []
        self.app = Starlette(
            routes=[
                Route("/v1/models", self.models),
                Route("/v1/completions", self.complete, methods=["POST"]),
            ]
        )

    async def models(self, request):
        return JSONResponse({"data": [{"id": "a-model"}]})

    async def complete(self, request):
        body = await request.json()
        self.prompts.append(tuple(body["prompt"]))
        assert body["model"] == "a-model"
        return JSONResponse({})

    def levels(self):
        written = sum(map(len, self.prompts)) // BLOCK_TOKENS
        cached = min(written, self.blocks)
        return Levels(0, 0, 0, device={"cached": cached, "free": self.blocks - cached})


def test_prompts_are_computed_until_the_cache_is_full():
    server = Server(blocks=100)
    with live_server(server.app) as port:
        assert fill_cache(f"http://127.0.0.1:{port}", server.levels) == 5
    assert len(set(server.prompts)) == 5
    assert {len(prompt) for prompt in server.prompts} == {PROMPT_TOKENS}


def test_a_cache_that_never_fills_is_told():
    server = Server(blocks=10**9)
    with (
        live_server(server.app) as port,
        pytest.raises(RuntimeError, match=f"not full after {MOST_PROMPTS}"),
    ):
        fill_cache(f"http://127.0.0.1:{port}", server.levels)


def test_a_server_that_does_not_answer():
    with pytest.raises(httpx.ConnectError):
        fill_cache("http://127.0.0.1:9", lambda: Levels(0, 0, 0))
