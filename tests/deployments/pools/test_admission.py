import asyncio

import pytest

from deployments.pools.admission import Admission, QueueFullError, QueueTimeoutError

PATIENCE_S = 30.0


class Holder:
    """A task that holds a slot until it is told to leave."""

    def __init__(self, admission):
        self.leave = asyncio.Event()
        self.inside = asyncio.Event()
        self.task = asyncio.create_task(self._hold(admission))

    async def _hold(self, admission):
        async with admission.slot(PATIENCE_S):
            self.inside.set()
            await self.leave.wait()

    async def end(self):
        self.leave.set()
        async with asyncio.timeout(PATIENCE_S):
            await self.task


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_calls_run_wait_and_are_refused_in_this_order():
    admission = Admission(concurrency=2, queue_limit=1)
    holders = [Holder(admission) for _ in range(3)]
    await settled()
    assert (admission.running, admission.waiting) == (2, 1)
    with pytest.raises(QueueFullError, match=r"concurrency=2.*queue_limit=1"):
        async with admission.slot(PATIENCE_S):
            pass
    await holders[0].end()
    async with asyncio.timeout(PATIENCE_S):
        await holders[2].inside.wait()
    assert (admission.running, admission.waiting) == (2, 0)
    await holders[1].end()
    await holders[2].end()
    assert (admission.running, admission.waiting) == (0, 0)


async def test_without_a_queue_nobody_waits():
    admission = Admission(concurrency=1, queue_limit=0)
    async with admission.slot(PATIENCE_S) as waited_s:
        assert waited_s < PATIENCE_S
        with pytest.raises(QueueFullError):
            async with admission.slot(PATIENCE_S):
                pass


async def test_a_wait_that_is_too_long_or_cancelled_leaves_no_trace():
    admission = Admission(concurrency=1, queue_limit=2)
    holder = Holder(admission)
    await settled()
    with pytest.raises(QueueTimeoutError):
        async with admission.slot(0.01):
            pass
    impatient = Holder(admission)
    await settled()
    impatient.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient.task
    assert admission.waiting == 0
    await holder.end()
    async with admission.slot(PATIENCE_S):
        assert admission.running == 1


async def test_an_error_in_the_block_gives_the_slot_back():
    admission = Admission(concurrency=1, queue_limit=0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            async with admission.slot(PATIENCE_S):
                raise ZeroDivisionError
    assert admission.running == 0


@pytest.mark.parametrize(
    ("concurrency", "queue_limit", "field"),
    [(0, 1, "concurrency=0"), (1, -1, "queue_limit=-1")],
)
def test_limits_are_checked(concurrency, queue_limit, field):
    with pytest.raises(ValueError, match=field):
        Admission(concurrency, queue_limit)


async def test_every_change_is_told():
    told = []
    admission = Admission(1, 1, on_change=lambda *load: told.append(load))
    first = Holder(admission)
    await settled()
    second = Holder(admission)
    await settled()
    assert told[-1] == (1, 1)
    await first.end()
    await second.end()
    assert told[-1] == (0, 0)
    assert max(told) == (1, 1)
