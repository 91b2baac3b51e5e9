"""A server that says what a test scripts, over real HTTP."""

import asyncio
import json

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from live_server import live_server

PATIENCE_S = 10.0
FRAME = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


class ScriptedServer:
    """Plays the part of a server.

    Attributes:
        turns: What it says, a list of chunks for each request; a string ends a turn's stream
            until somebody has answered the interception of that id.
        requests: Bodies and headers of what was asked.
        answers: What was sent to interceptions.
        refusal: Status and message to answer instead, if set.
    """

    def __init__(self):
        self.turns = []
        self.requests = []
        self.answers = []
        self.refusal = None
        self._answered = asyncio.Event()

    def app(self):
        app = FastAPI()

        @app.get("/v1/models")
        async def models():
            return {"object": "list", "data": [{"id": "m", "object": "model"}]}

        @app.post("/v1/chat/completions")
        async def chat(request: Request):
            self.requests.append((await request.json(), request.headers))
            if self.refusal is not None:
                status, message = self.refusal
                return JSONResponse({"error": {"message": message}}, status_code=status)
            stream = self._stream(self.turns.pop(0))
            return StreamingResponse(stream, media_type="text/event-stream")

        @app.post("/v1/interceptions/{call_id}")
        async def answer(call_id: str, request: Request):
            self.answers.append((call_id, (await request.json())["text"]))
            self._answered.set()
            return Response(status_code=204)

        return app

    async def _stream(self, turn):
        for chunk in turn:
            if chunk is WAIT:
                async with asyncio.timeout(PATIENCE_S):
                    await self._answered.wait()
                continue
            yield f"data: {json.dumps(FRAME | chunk)}\n\n"
        yield "data: [DONE]\n\n"


WAIT = object()
"""In a turn: until somebody has answered."""


def said(text):
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


def told(state, **fields):
    """A step of an interception."""
    step = {
        "id": "call-1",
        "kind": "calculator",
        "arguments": {"expression": "6*7"},
        "state": state,
        "seconds": 0.25,
        "context_tokens": 30,
    }
    choice = {"index": 0, "delta": {}, "finish_reason": None}
    return {"choices": [choice], "interception": step | fields}


def used(tokens):
    usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}
    return {"choices": [], "usage": usage}


@pytest.fixture
def scripted():
    return ScriptedServer()


@pytest.fixture
def url(scripted):
    with live_server(scripted.app()) as port:
        yield f"http://127.0.0.1:{port}"
