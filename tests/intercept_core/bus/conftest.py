"""A loop whose clock is virtual: waiting costs no time and every run is the same."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

_END_OF_TIME_S = 1e6


class _VirtualSelector(selectors.DefaultSelector):
    """Never sleeps: what the loop would have waited is added to its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1_000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("the test waits for something that can never happen")
            self.now_s += max(timeout, 0.0)
            if self.now_s > _END_OF_TIME_S:
                raise RuntimeError("something is scheduled again and again")
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    async def checked() -> Any:
        result = await main
        for _ in range(5):
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left running: {left}"
        return result

    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(checked())


@pytest.fixture(scope="session")
def run_virtual() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine on a loop with virtual time; fails on tasks that it leaves behind."""
    return _run
