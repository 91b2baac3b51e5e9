import asyncio
from collections.abc import Callable

import pytest

from augment_workers.leases import Leases, WorkEnded
from intercept_core.bus.messages import Call

MakeCall = Callable[..., Call]
FAR_S = 10.0


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Worker:
    """Holds a lease and waits, as an augmentation would."""

    def __init__(self, leases: Leases, call: Call) -> None:
        self.started = asyncio.Event()
        self.task = asyncio.create_task(self._work(leases, call))

    async def _work(self, leases: Leases, call: Call) -> str:
        with leases.hold(call) as lease:
            self.started.set()
            try:
                await lease.run(asyncio.Event().wait, asyncio.get_running_loop().time() + FAR_S)
            except WorkEnded as end:
                return end.code
        return "done"

    async def code(self) -> str:
        async with asyncio.timeout(FAR_S):
            return await self.task


async def start(leases: Leases, *calls: Call) -> list[Worker]:
    workers = [Worker(leases, call) for call in calls]
    for worker in workers:
        await worker.started.wait()
    return workers


async def test_an_unrenewed_lease_ends_the_work(make_call: MakeCall) -> None:
    leases = Leases()
    (worker,) = await start(leases, make_call(lease_s=0.01))
    assert await worker.code() == "lease_expired"
    assert leases.held == 0


async def test_renewal_moves_the_expiry(make_call: MakeCall) -> None:
    clock = Clock()
    leases = Leases(clock)
    renewed, other = await start(
        leases, make_call(call_id="renewed", lease_s=5), make_call(call_id="other", lease_s=5)
    )
    clock.now_s += 4
    leases.renew(["renewed", "unknown"], 5)
    clock.now_s += 1
    leases.sweep()
    assert await other.code() == "lease_expired"
    assert not renewed.task.done()
    clock.now_s += 4
    leases.sweep()
    assert await renewed.code() == "lease_expired"


async def test_renewal_can_shorten(make_call: MakeCall) -> None:
    leases = Leases()
    (worker,) = await start(leases, make_call(lease_s=1000))
    leases.renew(["call"], 0.01)
    assert await worker.code() == "lease_expired"


async def test_one_timer_serves_leases_one_after_another(make_call: MakeCall) -> None:
    leases = Leases()
    late, early = await start(
        leases,
        make_call(call_id="late", lease_s=0.04),
        make_call(call_id="early", lease_s=0.01),
    )
    assert await early.code() == "lease_expired"
    assert await late.code() == "lease_expired"


async def test_cancel_ends_one_call(make_call: MakeCall) -> None:
    leases = Leases()
    first, second = await start(leases, make_call(call_id="1"), make_call(call_id="2"))
    leases.cancel("1")
    leases.cancel("unknown")
    assert await first.code() == "cancelled"
    assert not second.task.done()
    leases.close()
    assert await second.code() == "cancelled"


async def test_a_new_attempt_replaces_the_old(make_call: MakeCall) -> None:
    leases = Leases()
    (old,) = await start(leases, make_call(attempt=1))
    (new,) = await start(leases, make_call(attempt=2))
    assert await old.code() == "cancelled"
    assert leases.held == 1
    leases.cancel("call")
    assert await new.code() == "cancelled"


async def test_an_ended_lease_starts_nothing(make_call: MakeCall) -> None:
    leases = Leases()
    with leases.hold(make_call()) as lease:
        leases.cancel("call")
        with pytest.raises(WorkEnded, match="cancelled"):
            await lease.run(asyncio.Event().wait, asyncio.get_running_loop().time() + FAR_S)


async def test_a_timeout_of_the_work_is_its_own(make_call: MakeCall) -> None:
    async def work() -> None:
        raise TimeoutError("socket")

    with Leases().hold(make_call()) as lease, pytest.raises(TimeoutError, match="socket"):
        await lease.run(work, asyncio.get_running_loop().time() + FAR_S)


async def test_cancellation_of_the_task_is_passed_on(make_call: MakeCall) -> None:
    leases = Leases()
    (worker,) = await start(leases, make_call())
    worker.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker.task
    assert leases.held == 0
    leases.close()
