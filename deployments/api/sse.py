"""Interceptions within the server-sent events of vLLM's OpenAI app."""

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict
from typing import Any

from deployments.api.artifact_route import artifact_url
from deployments.api.ordered_merge import ordered_merge
from intercept_core.engine.interception import Interception, InterceptionChannel

KEEP_ALIVE_S = 15.0
"""A stream is never silent for longer: a proxy between would take it for dead, or not notice
that the client is, while a request waits for a human."""

_KEEP_ALIVE = ": waiting\n\n"
"""A comment, which clients pass over."""

_PREFIX = "data: "
_FRAME_FIELDS = ("id", "object", "created", "model")


def interception_fields(
    interception: Interception, show_result: bool, base_url: str = ""
) -> dict[str, Any]:
    """What a client is told about an interception; fields without a value are left out.

    Args:
        interception: As published by the engine.
        show_result: Whether the client asked to see what the model was given.
        base_url: Where the client reaches this server, and its artifacts.
    """
    fields = {name: value for name, value in asdict(interception).items() if value is not None}
    fields["seconds"] = round(interception.seconds, 6)
    if artifacts := fields.pop("artifacts"):
        fields["artifacts"] = [
            {**artifact, "url": artifact_url(base_url, artifact["name"])}
            for artifact in artifacts
        ]
    if not show_result:
        fields.pop("result", None)
    return fields


def corrected_usage(
    completion_tokens: int | None, total_tokens: int, channel: InterceptionChannel
) -> dict[str, int]:
    """Fields of ``usage`` that vLLM, which sees only what the client sees, cannot know.

    ``completion_tokens`` are all that the model wrote, hidden calls included;
    ``augmentation_tokens`` are those that results added to its context, in no other count.
    """
    hidden = channel.hidden_tokens
    return {
        "completion_tokens": (completion_tokens or 0) + hidden,
        "total_tokens": total_tokens + hidden,
        "augmentation_tokens": channel.augmentation_tokens,
    }


class SseWriter:
    """Adds interceptions to a stream so that clients which do not know them still work.

    An interception is a chunk like any other, with an empty delta and one more field.

    Args:
        frame: ``id``, ``object``, ``created`` and ``model`` of the chunks, until vLLM's
            first chunk tells its own.
        empty_choice: A choice that says nothing, in the protocol of the stream.
        channel: Where the interceptions come from.
        show_results: Whether clients see what the model was given.
        base_url: Where the client reaches this server, and its artifacts.
        keep_alive_s: Longest silence, in seconds.
    """

    def __init__(
        self,
        *,
        frame: Mapping[str, Any],
        empty_choice: Mapping[str, Any],
        channel: InterceptionChannel,
        show_results: bool,
        base_url: str = "",
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        self._keep_alive_s = keep_alive_s
        self._frame = dict(frame)
        self._empty_choice = dict(empty_choice)
        self._channel = channel
        self._show_results = show_results
        self._base_url = base_url

    async def write(self, chunks: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """The stream that goes to the client; closes ``chunks`` when it is closed."""
        merged = ordered_merge(chunks, self._channel, self._keep_alive_s)
        try:
            async for item in merged:
                if (text := self._text(item)) is not None:
                    yield text
        finally:
            await merged.aclose()

    def _text(self, item: str | Interception | None) -> str | None:
        if item is None:
            return _KEEP_ALIVE
        return self._event(item) if isinstance(item, Interception) else self._chunk(item)

    def _event(self, interception: Interception) -> str:
        choice = self._empty_choice | {"index": interception.index}
        fields = interception_fields(interception, self._show_results, self._base_url)
        return _encode(self._frame | {"choices": [choice], "interception": fields})

    def _chunk(self, text: str) -> str | None:
        """vLLM's chunk; None if it says nothing."""
        body = text.removeprefix(_PREFIX)
        if not body.startswith("{"):
            return text  # [DONE], or a comment that keeps the connection alive
        chunk = json.loads(body)
        if "choices" not in chunk:
            return text  # an error
        self._frame = {name: chunk[name] for name in _FRAME_FIELDS if name in chunk}
        if _is_empty(chunk):
            return None
        if usage := chunk.get("usage"):
            corrected = corrected_usage(
                usage.get("completion_tokens"), usage["total_tokens"], self._channel
            )
            return _encode(chunk | {"usage": usage | corrected})
        return text


def _encode(chunk: Mapping[str, Any]) -> str:
    body = json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))
    return f"{_PREFIX}{body}\n\n"


def _is_empty(chunk: Mapping[str, Any]) -> bool:
    """Whether a chunk holds nothing but choices without text, as turns of only calls make."""
    choices = chunk["choices"]
    return bool(choices) and not chunk.get("usage") and all(map(_says_nothing, choices))


def _says_nothing(choice: Mapping[str, Any]) -> bool:
    said = {name: value for name, value in choice.items() if value and name != "index"}
    if not any(said.pop("delta", {}).values()):
        return not said
    return False
