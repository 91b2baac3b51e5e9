"""A bandwidth for experiments: copies that end no sooner than they would elsewhere."""

import time
from collections.abc import Callable

from intercept_core.swap.block_copy import BlockCopy
from intercept_core.swap.copy_backend import CopyBackend, DoneCopy


class LimitedCopies(CopyBackend):
    """Holds back the news of another backend's copies, each way on its own.

    A copy is said to have taken what its blocks take at the bandwidth, from which the scheduler
    learns what copies cost, or longer if the other backend took longer.

    Args:
        inner: Makes the copies.
        block_s: Seconds that a block takes at the bandwidth.
        now_s: Clock.
        sleep: Waits some seconds.
    """

    lanes = 2

    def __init__(
        self,
        inner: CopyBackend,
        block_s: float,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._inner = inner
        self._block_s = block_s
        self._now_s = now_s
        self._sleep = sleep
        self._lane_free_s = {True: 0.0, False: 0.0}
        self._due: dict[int, DoneCopy] = {}
        self._due_s: dict[int, float] = {}
        self._limited_s: dict[int, float] = {}

    def start(self, copies: list[BlockCopy]) -> None:
        now_s = self._now_s()
        for copy in copies:
            begin_s = max(now_s, self._lane_free_s[copy.to_host])
            limited_s = len(copy.host_blocks) * self._block_s
            self._limited_s[copy.copy_id] = limited_s
            end_s = begin_s + limited_s
            self._lane_free_s[copy.to_host] = self._due_s[copy.copy_id] = end_s
        self._inner.start(copies)

    def poll(self) -> list[DoneCopy]:
        now_s = self._now_s()
        self._due.update({done.copy_id: done for done in self._inner.poll()})
        ended = [id_ for id_ in self._due if self._due_s[id_] <= now_s]
        return [self._report(id_) for id_ in ended]

    def _report(self, copy_id: int) -> DoneCopy:
        done = self._due.pop(copy_id)
        del self._due_s[copy_id]
        return DoneCopy(copy_id, max(done.seconds, self._limited_s.pop(copy_id)))

    def wait(self) -> None:
        self._inner.wait()
        if self._due_s:
            self._sleep(max(max(self._due_s.values()) - self._now_s(), 0.0))

    def close(self) -> None:
        self._inner.close()
