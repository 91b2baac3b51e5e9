"""Text and interceptions of one response, in the order in which they happened."""

import asyncio
from collections.abc import AsyncGenerator

from intercept_core.engine.interception import Interception, InterceptionChannel


async def ordered_merge(
    chunks: AsyncGenerator[str, None],
    channel: InterceptionChannel,
    quiet_s: float | None = None,
) -> AsyncGenerator[str | Interception | None, None]:
    """Yields the chunks of a stream and, between them, the events of its channel.

    The stream is pulled: while nobody asks for its next chunk it stands still. So what the
    channel holds when a chunk arrives happened before that chunk and after the last one.
    At most one chunk is held at any time.

    Args:
        chunks: Closed when this generator ends, however it ends.
        channel: Published to by what produces the chunks.
        quiet_s: Seconds without anything after which None is yielded, each time.
    """
    reader = _EventReader(channel)
    chunk: asyncio.Task[str | None] | None = None
    try:
        while True:
            chunk = asyncio.create_task(_next_or_none(chunks))
            arrived = False
            while not arrived:
                done, _ = await asyncio.wait(
                    {chunk, reader.task},
                    timeout=quiet_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not done:
                    yield None
                arrived = chunk.done()  # before the events are taken, so that none is left
                for event in reader.take():
                    yield event
            text = chunk.result()
            if text is None:
                return
            yield text
    finally:
        reader.task.cancel()
        if chunk is not None and not chunk.done():
            # Cancelling it ends `chunks` from within, even if this wait is cancelled too.
            chunk.cancel()
            await asyncio.wait({chunk})
        else:
            await chunks.aclose()


class _EventReader:
    """Waits for a channel's next event in a task of its own."""

    def __init__(self, channel: InterceptionChannel) -> None:
        self._channel = channel
        self.task = asyncio.create_task(channel.next())

    def take(self) -> list[Interception]:
        """What was published since the last time, oldest first."""
        events = []
        if self.task.done():
            events.append(self.task.result())
            self.task = asyncio.create_task(self._channel.next())
        return events + self._channel.pending()


async def _next_or_none(chunks: AsyncGenerator[str, None]) -> str | None:
    return await anext(chunks, None)
