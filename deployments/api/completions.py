"""Text completions, with calls and results in the text."""

from typing import Any, Protocol

from starlette.requests import Request
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.exceptions import VLLMValidationError

from deployments.api.intercepted_response import Channels, intercepted_response
from deployments.api.interception_request import (
    Wish,
    named_augmentations,
    refuse_several,
    wants_calls_shown,
)
from deployments.api.server_tools import ServerTools

_EMPTY_CHOICE = {"index": 0, "text": "", "logprobs": None, "finish_reason": None}


class CompletionServing(Protocol):
    """What is used of vLLM's ``OpenAIServingCompletion``."""

    async def create_completion(
        self, request: CompletionRequest, raw_request: Request | None = None
    ) -> Any:
        """A stream of server-sent events, a full response, or an error."""
        ...


class InterceptingCompletions:
    """Stands before vLLM's completion serving; everything but one method is vLLM's.

    Args:
        inner: vLLM's serving object.
        tools: The server's augmentations.
        channels: The engine's channels.
        public_url: Where clients reach this server, if not where their requests say.
    """

    def __init__(
        self,
        inner: CompletionServing,
        tools: ServerTools,
        channels: Channels,
        public_url: str | None = None,
    ) -> None:
        self._inner = inner
        self._tools = tools
        self._channels = channels
        self._public_url = public_url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def create_completion(
        self, request: CompletionRequest, raw_request: Request | None = None
    ) -> Any:
        """See ``OpenAIServingCompletion.create_completion``.

        Raises:
            VLLMValidationError: if the request asks for what cannot be done.
        """
        kinds = named_augmentations(request, raw_request, self._tools)
        if not kinds:
            return await self._inner.create_completion(request, raw_request)
        refuse_several(request)
        _refuse_several_prompts(request)
        return await intercepted_response(
            self._inner.create_completion,
            request,
            raw_request,
            wish=Wish(kinds, show_calls=wants_calls_shown(request, default=True)),
            channels=self._channels,
            chunk_object="text_completion",
            empty_choice=_EMPTY_CHOICE,
            model_name=request.model or "",
            public_url=self._public_url,
        )


def _refuse_several_prompts(request: CompletionRequest) -> None:
    prompt = request.prompt
    several = isinstance(prompt, list) and len(prompt) > 1 and not isinstance(prompt[0], int)
    if several:
        raise VLLMValidationError(
            "prompt: must be one prompt together with augmentations; send several requests",
            parameter="prompt",
        )
