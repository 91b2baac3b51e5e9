"""What a process started by a worker writes to its standard error."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TextIO

_log = logging.getLogger(__name__)

MAX_LINE_BYTES = 64 * 1024


class ServerLog:
    """Hands lines on to the worker's log and remembers the last.

    Args:
        name: Of the server, for the log.
        redact: Takes secrets out of a line.

    Attributes:
        last: The last line that was not empty.
    """

    def __init__(self, name: str, redact: Callable[[str], str]) -> None:
        self.last = ""
        self._name = name
        self._redact = redact

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[TextIO]:
        """A file for a process to write to; read until it and all copies are closed."""
        read_end, write_end = os.pipe()
        reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb")
        )
        reading = asyncio.create_task(self._read(reader))
        try:
            with os.fdopen(write_end, "w") as file:
                yield file
            # What a process said before it died may still be in the pipe.
            await asyncio.wait({reading}, timeout=0.5)
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            transport.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await reader.readuntil()
            except asyncio.IncompleteReadError as end:
                self._take(end.partial)
                return
            except asyncio.LimitOverrunError:
                line = await reader.read(MAX_LINE_BYTES)
            self._take(line)

    def _take(self, line: bytes) -> None:
        text = self._redact(line.decode(errors="replace")).strip()
        if text:
            self.last = text
            _log.info("%s: %s", self._name, text)
