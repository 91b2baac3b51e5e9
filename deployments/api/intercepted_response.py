"""Serves one request with interceptions and tells the client about them."""

import time
import uuid
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    MutableMapping,
)
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from vllm.entrypoints.serve.engine.protocol import ErrorResponse

from deployments.api.interception_request import AnyRequest, Wish, with_wish
from deployments.api.sse import SseWriter, corrected_usage, interception_fields
from intercept_core.engine.interception import InterceptionChannel

Channels = MutableMapping[str, InterceptionChannel]
"""The engine's channels by id."""


async def intercepted_response(
    create: Callable[[AnyRequest, Request | None], Awaitable[Any]],
    request: AnyRequest,
    raw_request: Request | None,
    *,
    wish: Wish,
    channels: Channels,
    chunk_object: str,
    empty_choice: Mapping[str, Any],
    model_name: str,
    public_url: str | None = None,
) -> Any:
    """vLLM's response to ``request``, with ``interceptions`` in it.

    Args:
        create: vLLM's serving method for this kind of request.
        request: The client's request.
        raw_request: The same, as HTTP.
        wish: What the engine is to do.
        channels: The engine's channels; ours is there while the response is made.
        chunk_object: ``object`` of the chunks of a stream.
        empty_choice: A choice of a chunk that says nothing.
        model_name: ``model`` of the chunks.
        public_url: Where clients reach this server, if not where the request says.

    Returns:
        A stream, a full response or an error, as ``create`` does.
    """
    channel_id = uuid.uuid4().hex
    channel = InterceptionChannel()
    base_url = public_url or ("" if raw_request is None else str(raw_request.base_url))
    with _registered(channels, channel_id, channel):
        response = await create(with_wish(request, wish, channel_id), raw_request)
    if isinstance(response, ErrorResponse):
        return response
    if isinstance(response, AsyncGenerator):
        writer = SseWriter(
            frame={
                "id": _response_id(raw_request),
                "object": chunk_object,
                "created": int(time.time()),
                "model": model_name,
            },
            empty_choice=empty_choice,
            channel=channel,
            show_results=wish.show_calls,
            base_url=base_url,
        )
        return _stream(writer, response, channels, channel_id, channel)
    response.interceptions = [
        interception_fields(interception, wish.show_calls, base_url)
        for interception in channel.latest.values()
    ]
    usage = response.usage
    corrected = corrected_usage(usage.completion_tokens, usage.total_tokens, channel)
    response.usage = usage.model_copy(update=corrected)
    return response


async def _stream(
    writer: SseWriter,
    chunks: AsyncGenerator[str, None],
    channels: Channels,
    channel_id: str,
    channel: InterceptionChannel,
) -> AsyncGenerator[str, None]:
    # The engine looks for the channel when the first chunk is asked for, which never
    # happens if the client has left by then.
    written = writer.write(chunks)
    with _registered(channels, channel_id, channel):
        try:
            async for text in written:
                yield text
        finally:
            await written.aclose()


@contextmanager
def _registered(
    channels: Channels, channel_id: str, channel: InterceptionChannel
) -> Iterator[None]:
    channels[channel_id] = channel
    try:
        yield
    finally:
        channels.pop(channel_id, None)


def _response_id(raw_request: Request | None) -> str:
    metadata = getattr(getattr(raw_request, "state", None), "request_metadata", None)
    return str(getattr(metadata, "request_id", ""))
