"""The outputs of a vLLM request, also watched while nobody expects one."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, TypeVar

from vllm.outputs import RequestOutput

Result = TypeVar("Result")


class TurnOutputs:
    """Reads the outputs of a request.

    vLLM's generator aborts its request when a read is cancelled; so a read that was begun
    too early is kept for whoever wants the next output.
    """

    def __init__(self, outputs: AsyncGenerator[RequestOutput, None]) -> None:
        self._outputs = outputs
        self._early: asyncio.Task[RequestOutput] | None = None

    def __aiter__(self) -> "TurnOutputs":
        return self

    async def __anext__(self) -> RequestOutput:
        if self._early is None:
            return await anext(self._outputs)
        early, self._early = self._early, None
        return await early

    async def unless_one_comes(self, work: Coroutine[Any, Any, Result]) -> Result | None:
        """Does ``work`` in a pause; None if an output comes first, which cancels it.

        In a pause the engine has nothing to say but that it has ended the request.
        """
        doing = asyncio.ensure_future(work)
        if self._early is None:
            self._early = asyncio.ensure_future(self._read())
        try:
            await asyncio.wait((doing, self._early), return_when=asyncio.FIRST_COMPLETED)
            return doing.result() if doing.done() else None
        finally:
            await _cancelled(doing)

    async def aclose(self) -> None:
        """Ends the request, if it has not ended."""
        if self._early is not None:
            await _cancelled(self._early)
        await self._outputs.aclose()

    async def _read(self) -> RequestOutput:
        return await anext(self._outputs)


async def _cancelled(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()  # seen, so that nobody is warned of it
