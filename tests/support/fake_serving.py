"""Stands in for vLLM's serving objects: says what a test scripts, through real types."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from types import SimpleNamespace
from typing import Any

from vllm.entrypoints.openai.chat_completion.protocol import (
    ChatCompletionResponse,
    ChatCompletionResponseChoice,
    ChatMessage,
)
from vllm.entrypoints.openai.completion.protocol import (
    CompletionResponse,
    CompletionResponseChoice,
)
from vllm.entrypoints.serve.engine.protocol import UsageInfo

from intercept_core.bus.messages import Artifact
from intercept_core.engine.interception import Interception, InterceptionChannel

CALL = Interception(
    id="call-1",
    kind="calculator",
    arguments={"expression": "6*7"},
    state="running",
    seconds=0.0,
    context_tokens=10,
)

FILE = Artifact(name="calculator-0123456789.png", content_type="image/png", size_bytes=3)


def http_request(**headers: str) -> Any:
    """As much of an HTTP request as serving looks at."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(
        headers=names, state=SimpleNamespace(), base_url="http://server.example/"
    )


class FakeServing:
    """A model that calls the calculator once, in the middle of "before after".

    Attributes:
        requests: What was asked, oldest first.
        channels: As the engine has them.
        open_streams: Streams that were begun and not closed.
        response: Returned instead, if set.
        hangs: Whether streams wait for ever at the call.
    """

    other_attribute = "vLLM's"

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.channels: dict[str, InterceptionChannel] = {}
        self.open_streams = 0
        self.response: Any = None
        self.hangs = False

    @property
    def request(self) -> Any:
        """The last request."""
        return self.requests[-1]

    async def create_chat_completion(self, request: Any, raw_request: Any = None) -> Any:
        message = ChatMessage(role="assistant", content="before after")
        choice = ChatCompletionResponseChoice(index=0, message=message)
        return await self._create(request, ChatCompletionResponse, choice, _chat_choice)

    async def create_completion(self, request: Any, raw_request: Any = None) -> Any:
        choice = CompletionResponseChoice(index=0, text="before after")
        return await self._create(request, CompletionResponse, choice, _text_choice)

    async def _create(
        self, request: Any, response: Any, choice: Any, stream_choice: Callable[[str], Any]
    ) -> Any:
        self.requests.append(request)
        if self.response is not None:
            return self.response
        if request.stream:
            return self._stream(request, stream_choice)
        self._publish(request)
        usage = UsageInfo(prompt_tokens=4, completion_tokens=2, total_tokens=6)
        return response(id="r-1", model="m", choices=[choice], usage=usage)

    async def _stream(
        self, request: Any, choice: Callable[[str], Any]
    ) -> AsyncGenerator[str, None]:
        self.open_streams += 1
        try:
            yield _sse(choices=[choice("before ")])
            self._publish(request)
            if self.hangs:
                await asyncio.Event().wait()
            yield _sse(choices=[choice("after")])
            usage = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
            yield _sse(choices=[], usage=usage)
            yield "data: [DONE]\n\n"
        finally:
            self.open_streams -= 1

    def _publish(self, request: Any) -> None:
        channel = self.channels.get((request.vllm_xargs or {}).get("intercept_channel", ""))
        if channel is not None:
            channel.publish(CALL)
            channel.publish(
                CALL.changed(state="succeeded", seconds=0.5, result="42", artifacts=(FILE,))
            )
            channel.augmentation_tokens, channel.hidden_tokens = 9, 5


def _chat_choice(text: str) -> Any:
    return {"index": 0, "delta": {"content": text}, "finish_reason": None}


def _text_choice(text: str) -> Any:
    return {"index": 0, "text": text, "finish_reason": None}


def _sse(**fields: Any) -> str:
    frame = {"id": "r-1", "object": "chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps(frame | fields)}\n\n"
