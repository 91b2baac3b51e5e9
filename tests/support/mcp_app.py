"""A real MCP server, made with the official package; run as a program it speaks over stdio."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__" and "--broken" in sys.argv:
    sys.exit(f"cannot read the database with {os.environ['MCP_TOKEN']}")

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.types import ToolAnnotations

PNG = b"\x89PNG\r\n\x1a\n"


def make_server() -> MCPServer[Any]:
    """The server; its tools leave notes in the file ``$JOURNAL``."""
    server: MCPServer[Any] = MCPServer("numbers", log_level="CRITICAL")

    def note(line: str) -> None:
        with Path(os.environ["JOURNAL"]).open("a") as journal:
            journal.write(f"{line}\n")

    @server.tool(description="Adds two integers.", structured_output=False)
    def add(a: int, b: int) -> str:
        return str(a + b)

    @server.tool(structured_output=False)
    async def count(steps: int, step_s: float, context: Context[Any, Any]) -> str:
        """Counts slowly."""
        note("count started")
        try:
            for step in range(1, steps + 1):
                await asyncio.sleep(step_s)
                await context.report_progress(step, steps)
        except asyncio.CancelledError:
            note("count cancelled")
            raise
        return f"counted to {steps}"

    @server.tool(structured_output=False)
    def whisper() -> str:
        """Gives away what it was trusted with."""
        print(f"heard {os.environ['MCP_TOKEN']}", file=sys.stderr, flush=True)
        return f"the token is {os.environ['MCP_TOKEN']}"

    @server.tool(structured_output=False)
    def fail() -> str:
        """Fails, with a reason."""
        raise ValueError(f"no such number, {os.environ['MCP_TOKEN']}")

    @server.tool(structured_output=False)
    def draw() -> list[Any]:
        """Returns text and a picture."""
        return ["a dot:", Image(data=PNG, format="png")]

    @server.tool()
    def facts() -> dict[str, int]:
        """Returns an object."""
        return {"one": 1}

    @server.tool(structured_output=False, annotations=ToolAnnotations(read_only_hint=True))
    def look_and_die() -> str:
        """Ends its process, having changed nothing."""
        os._exit(3)

    @server.tool(structured_output=False)
    def die() -> str:
        """Ends its process in the middle of a call."""
        os._exit(3)

    return server


if __name__ == "__main__":
    make_server().run()
