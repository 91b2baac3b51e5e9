"""A streamed chat completion as its client meets it, chunk by chunk."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_DATA = b"data:"
_DONE = b"[DONE]"

ReadLine = Callable[[], bytes]
"""Blocks until a line is there, its end included; empty at the end of the response."""


class StreamFault(Exception):
    """The server did not stream a whole completion; the message says what is wrong."""


class TruncatedStream(StreamFault):
    """The response ended before the completion did."""


class ServerError(StreamFault):
    """The server told of an error in the middle of the stream."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a chunk tells of an interception.

    Attributes:
        id: The interception's.
        kind: The augmentation that was called.
        state: ``running``, ``succeeded``, ``failed`` or ``resumed``.
        seconds: From the call until now, or until its result.
        error: ``code: message`` of a failure.
    """

    id: str
    kind: str
    state: str
    seconds: float
    error: str | None = None

    @property
    def error_code(self) -> str | None:
        """The stable word for a failure; None if there is none."""
        return None if self.error is None else self.error.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Chunk:
    """One event of the stream.

    Attributes:
        at_s: When it was there.
        text: What it adds to the answer.
        told: What it tells of an interception.
        finish_reason: Why the answer ends here.
        completion_tokens: All that the model has written, from ``usage``.
    """

    at_s: float
    text: str = ""
    told: Told | None = None
    finish_reason: str | None = None
    completion_tokens: int | None = None


def read_chunks(read_line: ReadLine, clock: Callable[[], float]) -> Iterator[Chunk]:
    """The chunks of a response, each as soon as its last byte is there.

    Args:
        read_line: Gives the next line of the body. It must not wait for more than the line:
            readers that fill a buffer hold back the first tokens.
        clock: Seconds.

    Raises:
        TruncatedStream: if the body ends without a reason to finish or without ``[DONE]``.
        ServerError: if an event is an error.
    """
    finished = False
    while line := read_line():
        if not line.startswith(_DATA):
            continue  # the line between two events, or a comment
        data = line.removeprefix(_DATA).strip()
        if data == _DONE:
            if not finished:
                raise TruncatedStream("the stream ended without a finish_reason")
            while read_line():  # to the body's end, so that the connection can be used again
                pass
            return
        chunk = _chunk(_parsed(data), clock())
        finished |= chunk.finish_reason is not None
        yield chunk
    what = "before [DONE]" if finished else "in the middle of the answer"
    raise TruncatedStream(f"the stream ended {what}")


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        body: dict[str, Any] = json.loads(data)
    except ValueError:
        raise ServerError(f"an event is not JSON: {data!r}") from None
    return body


def _chunk(body: dict[str, Any], at_s: float) -> Chunk:
    if "choices" not in body:
        error = body.get("error", body)
        raise ServerError(str(error.get("message", error)))
    usage = body.get("usage") or {}
    told = body.get("interception")
    choice = body["choices"][0] if body["choices"] else {}
    return Chunk(
        at_s,
        text=choice.get("delta", {}).get("content") or "",
        told=None if told is None else _told(told),
        finish_reason=choice.get("finish_reason"),
        completion_tokens=usage.get("completion_tokens"),
    )


def _told(fields: dict[str, Any]) -> Told:
    return Told(
        fields["id"], fields["kind"], fields["state"], fields["seconds"], fields.get("error")
    )
