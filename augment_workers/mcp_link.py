"""One connection to an MCP server."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Tool

from augment_workers.base import AugmentationError
from augment_workers.pinned_transport import Guard, pinned
from augment_workers.server_log import ServerLog

CLOSE_TIMEOUT_S = 8.0
"""More than the client library gives a process to end before it kills it."""

MAX_PAGES = 100
"""Of a server's list of tools."""


class StdioServer:
    """A server that is started by a command and spoken to over its standard streams.

    Args:
        command: The program and its arguments.
        env: Gives its environment beside ``PATH``, ``HOME`` and the like, each time anew.
        cwd: The folder in which it runs.
        redact: Takes secrets out of what it writes to its standard error.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Callable[[], Mapping[str, str]],
        cwd: Path | None,
        redact: Callable[[str], str],
    ) -> None:
        self._program, *self._args = command
        self._env = env
        self._cwd = cwd
        self._log = ServerLog(self._program, redact)

    async def open(self, stack: AsyncExitStack) -> AbstractAsyncContextManager[Any]:
        """A transport; what it needs beside itself is closed with ``stack``."""
        error_stream = await stack.enter_async_context(self._log.stream())
        parameters = StdioServerParameters(
            command=self._program, args=self._args, env=dict(self._env()), cwd=self._cwd
        )
        return stdio_client(parameters, errlog=error_stream)

    def why(self) -> str:
        """What the server said last, as the end of a sentence about its failure."""
        return f" (it said: {self._log.last})" if self._log.last else ""


class HttpServer:
    """A server at a URL.

    Args:
        url: Its endpoint for streamable HTTP.
        headers: Gives the headers of every request, for each connection anew.
        guard: Checks the addresses of its host.
    """

    def __init__(
        self, url: str, headers: Callable[[], Mapping[str, str]], guard: Guard
    ) -> None:
        self._url = url
        self._headers = headers
        self._guard = guard

    async def open(self, stack: AsyncExitStack) -> AbstractAsyncContextManager[Any]:
        """A transport; what it needs beside itself is closed with ``stack``."""
        client = httpx2.AsyncClient(
            transport=pinned(httpx2.AsyncHTTPTransport(), self._guard),
            headers=dict(self._headers()),
            # A response stays open for as long as a call takes: its deadline is the limit.
            timeout=httpx2.Timeout(30.0, read=None),
            trust_env=False,  # no proxy, whose connections nobody would check
        )
        await stack.enter_async_context(client)
        return streamable_http_client(self._url, http_client=client)

    def why(self) -> str:
        """Nothing: the server writes its log elsewhere."""
        return ""


class McpLink:
    """A connection from its handshake to its end, which it outlives in no way.

    The client library wants a connection to be closed by the task that opened it, so a task
    of its own holds it.

    Args:
        server: Makes the transport.
        start_timeout_s: Seconds for start, handshake and the list of tools.

    Attributes:
        tools: What the server offers, by name; once :meth:`ready` has returned.
    """

    def __init__(self, server: StdioServer | HttpServer, start_timeout_s: float) -> None:
        self.tools: dict[str, Tool] = {}
        self._server = server
        self._start_timeout_s = start_timeout_s
        self._over = asyncio.Event()
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._ready.add_done_callback(lambda ready: ready.cancelled() or ready.exception())
        self._owner = asyncio.create_task(self._own())

    @property
    def is_over(self) -> bool:
        """Whether no call can go through any more."""
        return self._over.is_set()

    async def ready(self) -> Client:
        """The client, when the server has said hello.

        Raises:
            AugmentationError: if it has not; the next link may do better.
        """
        # Whoever leaves takes nobody else's start along.
        return await asyncio.shield(self._ready)

    async def close(self) -> None:
        """Ends the connection, and a server that belongs to it; takes some seconds at most."""
        self._over.set()
        await asyncio.wait({self._owner}, timeout=CLOSE_TIMEOUT_S)
        self._owner.cancel()
        await asyncio.wait({self._owner}, timeout=CLOSE_TIMEOUT_S)

    async def _own(self) -> None:
        try:
            async with (
                asyncio.timeout(self._start_timeout_s) as starting,
                AsyncExitStack() as stack,
            ):
                transport = await self._server.open(stack)
                watched = _Watched(transport, self._over)
                client = await stack.enter_async_context(Client(watched))
                self.tools = await _listed(client)
                starting.reschedule(None)
                self._ready.set_result(client)
                await self._over.wait()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(
                    AugmentationError(f"does not start: {_reason(error)}{self._server.why()}")
                )
            if not isinstance(error, Exception):
                raise
        finally:
            self._over.set()


class _Watched(AbstractAsyncContextManager[Any]):
    """A transport that says when the other side has gone; the library tells callers alone."""

    def __init__(self, inner: AbstractAsyncContextManager[Any], over: asyncio.Event) -> None:
        self._inner = inner
        self._over = over

    async def __aenter__(self) -> Any:
        read, write = await self._inner.__aenter__()
        return _WatchedStream(read, self._over), write

    async def __aexit__(self, *exception: Any) -> bool | None:
        return await self._inner.__aexit__(*exception)


class _WatchedStream:
    def __init__(self, inner: Any, over: asyncio.Event) -> None:
        self._inner = inner
        self._over = over

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __aenter__(self) -> "_WatchedStream":
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *exception: Any) -> Any:
        return await self._inner.__aexit__(*exception)

    def __aiter__(self) -> "_WatchedStream":
        return self

    async def __anext__(self) -> Any:
        try:
            return await anext(self._inner)
        except StopAsyncIteration:
            self._over.set()
            raise


async def _listed(client: Client) -> dict[str, Tool]:
    found: dict[str, Tool] = {}
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        found |= {tool.name: tool for tool in page.tools}
        cursor = page.next_cursor
        if cursor is None:
            break
    return found


def _reason(error: BaseException) -> str:
    """What went wrong below groups of errors, without what was sent."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, AugmentationError | MCPError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return (
            error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
        )
    return type(error).__name__
