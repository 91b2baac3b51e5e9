"""Ends a replica whose engine has died."""

import asyncio
import logging
import os
from collections.abc import Callable
from typing import NoReturn

logger = logging.getLogger("ray.serve")

POLL_S = 0.1
PATIENCE_S = 2.0
"""Seconds in which open requests get their errors; vLLM has them in milliseconds."""

EXIT_CODE = 1


class EngineWatch:
    """Waits for the death of the engine, then for the last answer, and leaves.

    Ray Serve would find out by itself, after three health checks, and then wait for requests
    that nobody can serve; meanwhile the replica would look idle and attract more of them. A
    process that is gone refuses connections, so that proxies go elsewhere, and is replaced at
    the next look.

    Args:
        is_dead: Whether the engine has died.
        open_requests: How many have not been answered to the end.
        leave: Ends the process.
        poll_s: Seconds between two looks.
        patience_s: Seconds to wait for the last answer.
    """

    def __init__(
        self,
        is_dead: Callable[[], bool],
        open_requests: Callable[[], int],
        leave: Callable[[], None] | None = None,
        *,
        poll_s: float = POLL_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._is_dead = is_dead
        self._open_requests = open_requests
        self._leave = leave or leave_at_once
        self._poll_s = poll_s
        self._patience_s = patience_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watches from now on, in a task of this event loop."""
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Watches no longer: who shuts an engine down calls this first."""
        if self._task is not None:
            self._task.cancel()

    async def ended(self) -> None:
        """Until it watches no longer."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        while not self._is_dead():
            await asyncio.sleep(self._poll_s)
        logger.error("the engine has died: this replica ends, and Ray Serve starts another")
        try:
            async with asyncio.timeout(self._patience_s):
                while self._open_requests():
                    await asyncio.sleep(self._poll_s)
        except TimeoutError:
            logger.error("%d requests got no answer", self._open_requests())
        self._leave()


def leave_at_once() -> NoReturn:
    """Ends this process without anything that could wait."""
    for handler in logger.handlers:
        handler.flush()
    os._exit(EXIT_CODE)
