"""The tools of an MCP server, under their own names."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from augment_workers.address_guard import AddressGuard, Resolver
from augment_workers.arguments import ArgumentCheck, schema_problem
from augment_workers.base import Augmentation, AugmentationError, PoolDefaults, ToolSpec
from augment_workers.http_request import checked_host
from augment_workers.secret_text import Secrets
from intercept_core.bus.messages import Call, Event

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Tool

    from augment_workers.mcp_link import McpLink

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[\w.:/-]{1,128}", re.ASCII)
"""A name that a model can write and a prompt can hold."""


class McpTools(Augmentation):
    """Hands calls on to a server that speaks the Model Context Protocol.

    The server is asked for its tools when somebody first wants to know them or to call one.
    If it dies, calls under way fail, and the next one starts it, or connects to it, again.

    Args:
        command: A program that speaks the protocol over its standard streams; or ``url``.
        args: Its arguments.
        env: Its environment beside ``PATH``, ``HOME`` and the like; ``${NAME}`` and
            ``${file:/path}`` stand for secrets of the worker's environment and disk.
        cwd: The folder in which it runs.
        url: A server that is there already, by streamable HTTP.
        headers: Of every request to ``url``, with secrets as in ``env``.
        tools: Names of the tools to offer; all of them if not given.
        prefix: Begins the name of every tool, to tell servers apart.
        start_timeout_s: Seconds for start, handshake and the list of tools.
        allow: Hosts, addresses and networks that are not public and may be connected to.
        typical_duration_s: A usual call's seconds.
        resolver: Finds addresses of hosts.
        secrets: What references stand for; this process's environment if not given.

    Raises:
        ValueError: if the options do not fit each other, or a secret is missing.
    """

    kind = "mcp"
    description = "Tools of an MCP server."
    parameters: ClassVar[dict[str, Any]] = {"type": "object"}
    typical_duration_s = 1.0
    # Nobody but the operator knows what must not be done twice.
    defaults = PoolDefaults(retry=False)
    keeps_sessions = True  # each worker has its server, and that may remember

    def __init__(
        self,
        command: str | None = None,
        args: tuple[str, ...] = (),
        env: dict[str, str] | None = None,
        cwd: Path | None = None,
        url: str | None = None,
        headers: dict[str, str] | None = None,
        *,
        tools: tuple[str, ...] | None = None,
        prefix: str = "",
        start_timeout_s: Annotated[float, Field(gt=0)] = 30.0,
        allow: tuple[str, ...] = (),
        typical_duration_s: Annotated[float, Field(gt=0)] = 1.0,
        resolver: Resolver | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        # The client library takes seconds to import, also for those who only check options.
        from augment_workers.mcp_link import HttpServer, StdioServer

        self._wanted = tools
        self._prefix = prefix
        self._start_timeout_s = start_timeout_s
        self._typical_s = typical_duration_s
        self._secrets = secrets or Secrets()
        self._name = command or url or ""
        self._server: StdioServer | HttpServer
        if url is None:
            if command is None:
                raise ValueError("give command or url, one of the two")
            filled = self._filler("env", env or {})
            self._server = StdioServer([command, *args], filled, cwd, self._secrets.redact)
        else:
            filled = self._filler("headers", headers or {})
            self._server = HttpServer(url, filled, AddressGuard(allow, resolver))
        filled()  # a secret that is missing is missed now
        self._link: McpLink | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @classmethod
    def declared(cls, **options: Any) -> None:
        """Nothing: only the server knows its tools."""
        command, url = options.get("command"), options.get("url")
        if (command is None) == (url is None):
            raise ValueError("give command or url, one of the two")
        for name in ("headers", "allow") if url is None else ("args", "env", "cwd"):
            if name in options:
                raise ValueError(f"{name} does not go with {'command' if command else 'url'}")
        if url is not None:
            AddressGuard(options.get("allow", ())).check_literal(checked_host(url))

    async def tools(self) -> Mapping[str, ToolSpec]:
        """The server's tools; starts it if it does not run."""
        _, offered = await self._connected()
        return {
            name: ToolSpec(
                description=tool.description or tool.title or tool.name,
                parameters=tool.input_schema,
                typical_duration_s=self._typical_s,
            )
            for name, tool in offered.items()
        }

    async def run(self, call: Call) -> AsyncIterator[Event]:
        """Yields what the server says of its progress, and what the tool returns.

        Raises:
            AugmentationError: if there is no such tool, it refuses, or the server dies.
        """
        from augment_workers.mcp_call import McpCall

        client, offered = await self._connected()
        if (tool := offered.get(call.kind)) is None:
            known = ", ".join(offered) or "none"
            raise AugmentationError(
                f"the MCP server has no tool {call.kind!r} now; known tools: {known}",
                code="unknown_tool",
            )
        if (
            problem := ArgumentCheck(tool.input_schema).problem_with(call.arguments)
        ) is not None:
            raise AugmentationError(problem, code="bad_arguments")
        work = McpCall(client, tool, call)
        try:
            async for progress in work.progress():
                yield progress
            yield call.result(self._secrets.redact(work.text()))
        except AugmentationError as error:
            raise self._secrets.redacted(error) from None
        finally:
            await work.close()

    async def close(self) -> None:
        """Ends the connection, and a server that was started."""
        if self._link is not None:
            await self._link.close()
        if self._closing:
            await asyncio.wait(self._closing)

    def _filler(self, field: str, texts: Mapping[str, str]) -> Callable[[], dict[str, str]]:
        """Fills the secrets in when it is called: files with them change from time to time."""
        return lambda: {
            name: self._secrets.fill(f"{field}.{name}", text) for name, text in texts.items()
        }

    async def _connected(self) -> "tuple[Client, Mapping[str, Tool]]":
        """The client, and the tools on offer by their names here."""
        from augment_workers.mcp_link import McpLink

        if self._link is None or self._link.is_over:
            if self._link is not None:
                _log.warning("The MCP server %s has gone; starting it again.", self._name)
                closing = asyncio.create_task(self._link.close())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
            self._link = McpLink(self._server, self._start_timeout_s)
        link = self._link
        try:
            return await link.ready(), self._offered(link.tools)
        except AugmentationError as error:
            named = AugmentationError(f"the MCP server {self._name} {error}", code=error.code)
            raise self._secrets.redacted(named) from None

    def _offered(self, listed: "Mapping[str, Tool]") -> "Mapping[str, Tool]":
        wanted = listed.keys() if self._wanted is None else self._wanted
        for name in wanted:
            if name not in listed:
                known = ", ".join(listed) or "none"
                raise AugmentationError(f"has no tool {name!r} (option tools); it has: {known}")
            if not _NAME.fullmatch(self._prefix + name):
                raise AugmentationError(
                    f"has a tool with the name {name!r:.80}; leave it out by the option tools"
                )
            if (problem := schema_problem(listed[name].input_schema)) is not None:
                raise AugmentationError(
                    f"has a tool {name!r} whose schema is none: {problem}; leave it out by the "
                    "option tools"
                )
        return {self._prefix + name: listed[name] for name in wanted}
