"""The MCP server of mcp.yaml: notes, kept as long as it runs.

Started by the worker; by itself over HTTP:

    .venv/bin/python configs/examples/notes_server.py 8101
"""

import sys
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import ToolAnnotations

server: MCPServer[Any] = MCPServer("notes", log_level="WARNING")
notes: list[str] = []


@server.tool(structured_output=False)
def add_note(text: str) -> str:
    """Writes a note down."""
    notes.append(text)
    return f"Note {len(notes)} is written."


@server.tool(structured_output=False, annotations=ToolAnnotations(read_only_hint=True))
async def find_notes(word: str, context: Context[Any, Any]) -> str:
    """Finds the notes in which a word occurs."""
    found = []
    for number, text in enumerate(notes, start=1):
        await context.report_progress(number, len(notes))
        if word.casefold() in text.casefold():
            found.append(f"{number}. {text}")
    return "\n".join(found) or "There is no such note."


@server.tool(structured_output=False)
def forget_everything() -> str:
    """Drops all notes; mcp.yaml does not offer it."""
    notes.clear()
    return "All notes are gone."


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run()
