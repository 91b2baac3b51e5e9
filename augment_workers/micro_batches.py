"""Calls that come at about the same time, worked on together in one thread."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from augment_workers.base import AugmentationError

OnStep = Callable[[float, float], bool]
"""Takes the share of the work done and the seconds left; returns whether to go on."""

Work = Callable[[Sequence[str], OnStep], Sequence[bytes | AugmentationError]]
"""Turns each of a batch's inputs into a file, or into the reason why not; in a thread."""


class Abandoned(Exception):
    """Nobody waits for the batch any more."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far an item is.

    Attributes:
        fraction: Share of the work done, 0 to 1.
        eta_s: Seconds left; None if nobody knows.
    """

    fraction: float
    eta_s: float | None


class _Item:
    """One input on its way; belongs to the event loop, but for ``abandoned``."""

    def __init__(self, text: str, first: Step) -> None:
        self.text = text
        self.abandoned = False
        self.news = asyncio.Event()
        self.step: Step | None = first
        self.end: bytes | BaseException | None = None
        self.news.set()

    def tell(self, step: Step) -> None:
        self.step = step
        self.news.set()

    def finish(self, end: bytes | BaseException) -> None:
        self.end = end
        self.news.set()


class MicroBatches:
    """Collects inputs for some milliseconds and works on them in one go.

    While a batch is worked on, what comes in waits for the next one.

    Args:
        work: What is done with a batch.
        batch_size: Inputs of one batch at most.
        wait_s: Seconds that the first input of a batch waits for others.
    """

    def __init__(self, work: Work, *, batch_size: int, wait_s: float) -> None:
        self._work = work
        self._batch_size = batch_size
        self._wait_s = wait_s
        self._waiting: list[_Item] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._runner: asyncio.Task[None] | None = None
        self._running: list[_Item] = []
        self._runs_until_s = 0.0
        self._batch_s: float | None = None

    async def steps(self, text: str) -> AsyncGenerator[Step | bytes, None]:
        """How far the work on ``text`` is, then its file; slow readers miss steps.

        Closing the generator leaves the batch, whose work ends when all have left it.

        Raises:
            AugmentationError: as the work does.
        """
        item = _Item(text, Step(0.0, self._eta_s()))
        self._waiting.append(item)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        try:
            while item.end is None:
                await item.news.wait()
                item.news.clear()
                step, item.step = item.step, None
                if step is not None and item.end is None:
                    yield step
        finally:
            item.abandoned = True
            if item in self._waiting:
                self._waiting.remove(item)
        if isinstance(item.end, BaseException):
            raise item.end
        yield item.end

    def prepare(self, action: Callable[[], object]) -> None:
        """Has the thread do ``action`` before any work; it reports its errors itself."""
        self._thread.submit(action)

    def close(self) -> None:
        """Ends the work; the thread stops after its current step."""
        if self._runner is not None:
            self._runner.cancel()
        for item in (*self._running, *self._waiting):
            item.abandoned = True
            item.finish(AugmentationError("the worker stops", retryable=True))
        self._waiting.clear()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        """Works until nobody waits."""
        while self._waiting:
            if len(self._waiting) < self._batch_size:
                await asyncio.sleep(self._wait_s)
            batch = self._running = self._waiting[: self._batch_size]
            del self._waiting[: self._batch_size]
            if batch:
                await self._work_on(batch)

    async def _work_on(self, batch: list[_Item]) -> None:
        loop = asyncio.get_running_loop()
        began_s = time.monotonic()

        def tell(fraction: float, eta_s: float) -> None:
            self._runs_until_s = time.monotonic() + eta_s
            for item in batch:
                item.tell(Step(fraction, eta_s))

        def on_step(fraction: float, eta_s: float) -> bool:
            if all(item.abandoned for item in batch):
                return False
            loop.call_soon_threadsafe(tell, fraction, eta_s)
            return True

        try:
            texts = [item.text for item in batch]
            files = await loop.run_in_executor(self._thread, self._work, texts, on_step)
            self._batch_s = time.monotonic() - began_s
            for item, file in zip(batch, files, strict=True):
                item.finish(file)
        except Exception as error:
            for item in batch:
                item.finish(error)
        finally:
            self._running = []

    def _eta_s(self) -> float | None:
        """When an input that comes now will be done, if batches take as long as the last."""
        if self._batch_s is None:
            return None
        left_s = max(self._runs_until_s - time.monotonic(), 0.0) if self._running else 0.0
        return left_s + self._batch_s * (1 + len(self._waiting) // self._batch_size)
