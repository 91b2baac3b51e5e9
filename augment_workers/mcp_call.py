"""One call of an MCP server's tool."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from mcp import Client, MCPError
from mcp.types import CONNECTION_CLOSED, CallToolResult, Tool
from pydantic import ValidationError

from augment_workers.base import AugmentationError
from intercept_core.bus.messages import Call, Progress


class McpCall:
    """Begins at once; ends with :meth:`close`, which tells a server that still works.

    Args:
        client: The open connection.
        tool: What is called.
        call: The arguments, and what progress is reported as.
    """

    def __init__(self, client: Client, tool: Tool, call: Call) -> None:
        self._tool = tool
        self._call = call
        self._started_s = time.monotonic()
        self._events: asyncio.Queue[Progress | None] = asyncio.Queue()
        self._work = asyncio.create_task(
            client.call_tool(
                tool.name, dict(call.arguments), progress_callback=self._on_progress
            )
        )
        self._work.add_done_callback(lambda _: self._events.put_nowait(None))

    async def progress(self) -> AsyncIterator[Progress]:
        """What the server says, until the call has ended."""
        while (event := await self._events.get()) is not None:
            yield event

    def text(self) -> str:
        """What the tool has returned.

        Raises:
            AugmentationError: if it has failed.
        """
        try:
            text = _text_of(self._work.result())
        except MCPError as error:
            raise self._failure(error) from None
        except (RuntimeError, ValidationError):
            raise AugmentationError(
                f"{self._call.kind} returned what does not fit the protocol or its own schema"
            ) from None
        if self._work.result().is_error:
            raise AugmentationError(text or "the tool failed without a reason")
        return text

    async def close(self) -> None:
        """Cancels what still runs."""
        self._work.cancel()
        await asyncio.wait({self._work})
        if not self._work.cancelled():
            self._work.exception()  # has been dealt with, or nobody waits any more

    def _failure(self, error: MCPError) -> AugmentationError:
        if error.code != CONNECTION_CLOSED:
            return AugmentationError(error.message)
        hints = self._tool.annotations
        return AugmentationError(
            f"the MCP server stopped during the call of {self._call.kind}; the next call "
            "starts it again",
            code="worker_lost",
            # The server may have done the work before it stopped.
            retryable=hints is not None and bool(hints.read_only_hint or hints.idempotent_hint),
        )

    async def _on_progress(
        self, progress: float, total: float | None, message: str | None
    ) -> None:
        fraction = progress / total if total else None
        self._events.put_nowait(self._call.progress(fraction, self._eta_s(fraction)))

    def _eta_s(self, fraction: float | None) -> float | None:
        """What remains if the work goes on as it went so far; the protocol has no field."""
        if fraction is None or not 0 < fraction <= 1:
            return None
        return (time.monotonic() - self._started_s) * (1 - fraction) / fraction


def _text_of(result: CallToolResult) -> str:
    if not result.content and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(map(_part_text, result.content))


def _part_text(part: Any) -> str:
    """Text as it is; of anything else, what it is."""
    match part.type:
        case "text":
            return str(part.text)
        case "resource" if hasattr(part.resource, "text"):
            return str(part.resource.text)
        case "resource_link":
            return f"[{part.name}: {part.uri}]"
        case "resource":
            return f"[{part.resource.mime_type or 'a file'}, not shown]"
        case _:
            return f"[{part.mime_type}, not shown]"
