"""Chat completions, with the server running the tools it knows."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.requests import Request
from vllm.entrypoints.generate.base.protocol import FunctionDefinition
from vllm.entrypoints.openai.chat_completion.protocol import (
    ChatCompletionRequest,
    ChatCompletionToolsParam,
)
from vllm.exceptions import VLLMValidationError

from deployments.api.intercepted_response import Channels, intercepted_response
from deployments.api.interception_request import (
    Wish,
    named_augmentations,
    refuse_several,
    wants_calls_shown,
    without_wish,
)
from deployments.api.server_tools import Plain, ServerTool, ServerTools

_EMPTY_CHOICE = {"index": 0, "delta": {}, "finish_reason": None}


class ChatServing(Protocol):
    """What is used of vLLM's ``OpenAIServingChat``."""

    async def create_chat_completion(
        self, request: ChatCompletionRequest, raw_request: Request | None = None
    ) -> Any:
        """A stream of server-sent events, a full response, or an error."""
        ...


class InterceptingChat:
    """Stands before vLLM's chat serving; everything but one method is vLLM's.

    A request is served with interceptions if one of its ``tools`` is an augmentation of
    this server, or if the header or ``vllm_xargs.augmentations`` names one. Any other goes
    to vLLM as it is.

    Args:
        inner: vLLM's serving object.
        tools: The server's augmentations.
        channels: The engine's channels.
        plain: Keeps the model's tags out of results that the client sends again.
        public_url: Where clients reach this server, if not where their requests say.
    """

    def __init__(
        self,
        inner: ChatServing,
        tools: ServerTools,
        channels: Channels,
        plain: Plain,
        public_url: str | None = None,
    ) -> None:
        self._inner = inner
        self._plain = plain
        self._tools = tools
        self._channels = channels
        self._public_url = public_url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def create_chat_completion(
        self, request: ChatCompletionRequest, raw_request: Request | None = None
    ) -> Any:
        """See ``OpenAIServingChat.create_chat_completion``.

        Raises:
            VLLMValidationError: if the request asks for what cannot be done.
        """
        named = named_augmentations(request, raw_request, self._tools)
        listed = [tool.function.name for tool in request.tools or ()]
        kinds = tuple(
            dict.fromkeys([*named, *(name for name in listed if name in self._tools)])
        )
        if not kinds:
            return await self._inner.create_chat_completion(request, raw_request)
        if _client_forbids_calls(request):
            return await self._inner.create_chat_completion(without_wish(request), raw_request)
        refuse_several(request)
        _refuse_forced_call(request)
        client_tools = tuple(name for name in listed if name not in kinds)
        return await intercepted_response(
            self._inner.create_chat_completion,
            self._with_tools(request, kinds, client_tools),
            raw_request,
            wish=Wish(kinds, client_tools, wants_calls_shown(request, default=False)),
            channels=self._channels,
            chunk_object="chat.completion.chunk",
            empty_choice=_EMPTY_CHOICE,
            model_name=request.model or "",
            public_url=self._public_url,
        )

    def _with_tools(
        self, request: ChatCompletionRequest, kinds: Sequence[str], client_tools: Sequence[str]
    ) -> ChatCompletionRequest:
        """A copy whose ``tools`` the chat template can render, every augmentation included.

        Without tools of the client there is nothing for vLLM's tool parser to find, and
        ``none`` spares it the search; the tools are rendered all the same.
        """
        tools = [self._described(tool) for tool in request.tools or ()]
        listed = {tool.function.name for tool in tools}
        tools += [_definition(self._tools[kind]) for kind in kinds if kind not in listed]
        choice = "auto" if client_tools else "none"
        messages = [self._with_plain_result(message) for message in request.messages]
        return request.model_copy(
            update={"messages": messages, "tools": tools, "tool_choice": choice}
        )

    def _with_plain_result(self, message: Any) -> Any:
        """A message of a tool as harmless as if it had been inserted here."""
        if not isinstance(message, Mapping) or message.get("role") not in ("tool", "function"):
            return message
        return {**message, "content": self._plain.defuse_all(message.get("content"))}

    def _described(self, tool: ChatCompletionToolsParam) -> ChatCompletionToolsParam:
        """Fills in what a tool given by name alone lacks."""
        function = tool.function
        if function.name not in self._tools:
            return tool
        ours = self._tools[function.name]
        described = function.model_copy(
            update={
                "description": function.description or ours.description,
                "parameters": function.parameters or dict(ours.parameters),
            }
        )
        return tool.model_copy(update={"function": described})


def _definition(tool: ServerTool) -> ChatCompletionToolsParam:
    return ChatCompletionToolsParam(
        function=FunctionDefinition(
            name=tool.kind, description=tool.description, parameters=dict(tool.parameters)
        )
    )


def _client_forbids_calls(request: ChatCompletionRequest) -> bool:
    # "none" is also the default of requests without tools.
    return request.tool_choice == "none" and "tool_choice" in request.model_fields_set


def _refuse_forced_call(request: ChatCompletionRequest) -> None:
    """vLLM forces a call by a grammar without the text that surrounds calls.

    Raises:
        VLLMValidationError: if ``tool_choice`` is neither ``auto`` nor ``none``.
    """
    if request.tool_choice not in (None, "auto", "none"):
        raise VLLMValidationError(
            "tool_choice: must be auto or none when the server runs one of the tools",
            parameter="tool_choice",
        )
