"""From an HTTP response to the events of a call."""

import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import httpx
import jmespath  # type: ignore[import-untyped]
from httpx_sse import EventSource, ServerSentEvent

from augment_workers.base import AugmentationError
from intercept_core.bus.messages import Call, Progress, Result

MAX_REASON_CHARACTERS = 300
"""Of a failure's body, for the model."""


class ResultPath:
    """Which part of a JSON answer the model gets.

    Args:
        expression: In JMESPath, e.g. ``current.temperature`` or ``items[].title``; None for
            the whole answer, JSON or not.

    Raises:
        ValueError: if it is no such expression.
    """

    def __init__(self, expression: str | None) -> None:
        self._expression = expression
        try:
            self._compiled = None if expression is None else jmespath.compile(expression)
        except jmespath.exceptions.JMESPathError as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(f"result: {expression!r} is no JMESPath: {reason}") from None

    def text_of(self, body: str) -> str:
        """What the model reads of ``body``.

        Raises:
            AugmentationError: if it has no such part.
        """
        if self._compiled is None:
            return body
        try:
            found = self._compiled.search(json.loads(body))
        except (ValueError, RecursionError, jmespath.exceptions.JMESPathError):
            found = None
        if found is None:
            raise AugmentationError(f"the answer has nothing at {self._expression}")
        if isinstance(found, str):
            return found
        return json.dumps(found, ensure_ascii=False, separators=(", ", ": "))


class LimitedStream(httpx.AsyncByteStream):
    """A body that fails when it is longer than it may be, whoever reads it.

    Args:
        inner: The body.
        limit_bytes: Its longest length.
    """

    def __init__(self, inner: httpx.AsyncByteStream, limit_bytes: int) -> None:
        self._inner = inner
        self._limit_bytes = limit_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._limit_bytes
        async for part in self._inner:
            left -= len(part)
            if left < 0:
                raise AugmentationError(
                    f"the answer is longer than {self._limit_bytes} bytes; ask for less "
                    "(option max_response_bytes)"
                )
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


async def read_text(response: httpx.Response) -> str:
    """The body as text, whatever it says it is.

    Raises:
        AugmentationError: if it is compressed, which was not asked for, or no text.
    """
    if response.headers.get("content-encoding", "identity") != "identity":
        # A few bytes could become any number of them.
        raise AugmentationError("the answer is compressed, though that was not asked for")
    body = await response.aread()
    try:
        return body.decode(response.charset_encoding or "utf-8")
    except (UnicodeDecodeError, LookupError):
        kind = response.headers.get("content-type", "binary data").partition(";")[0]
        raise AugmentationError(f"the answer is {kind}, which cannot be read as text") from None


async def read_reason(response: httpx.Response) -> str:
    """What a failure says of itself: its status, and the beginning of its body."""
    status = f"HTTP status {response.status_code}"
    try:
        said = " ".join((await read_text(response)).split())
    except (AugmentationError, httpx.HTTPError):
        said = ""
    return f"{status}: {said[:MAX_REASON_CHARACTERS]}" if said else f"{status}."


async def read_events(
    response: httpx.Response, call: Call, path: ResultPath
) -> AsyncGenerator[Progress | Result, None]:
    """The events of a successful response: its progress if it streams, then its result.

    A stream of server-sent events says ``event: progress`` with a JSON object of
    ``fraction`` and ``eta_s``, any number of times, then ``event: result``, or
    ``event: error`` with the reason.

    Raises:
        AugmentationError: if there is no result.
    """
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        yield call.result(path.text_of(await read_text(response)))
        return
    async with aclosing(EventSource(response).aiter_sse()) as events:
        async for event in events:
            match event.event:
                case "progress":
                    yield _progress(call, event)
                case "result":
                    yield call.result(path.text_of(event.data))
                    return
                case "error":
                    raise AugmentationError(event.data or "the tool failed without a reason")
    raise AugmentationError("the stream of the tool ended without a result")


def _progress(call: Call, event: ServerSentEvent) -> Progress:
    try:
        said = json.loads(event.data)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, Mapping):
        said = {}
    return call.progress(fraction=_number(said, "fraction"), eta_s=_number(said, "eta_s"))


def _number(said: Mapping[str, Any], name: str) -> float | None:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
