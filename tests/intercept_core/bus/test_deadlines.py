import asyncio

import pytest
from scripted_bus import Worker, dispatch, hangs, make_bus

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.messages import Accepted
from intercept_core.bus.route import Route


def test_worker_that_hangs_meets_the_deadline(run_virtual):
    async def main():
        worker = Worker(hangs)
        bus = make_bus(InMemoryTransport({"tool": worker}), timeout_s=10.0)
        started_at = asyncio.get_running_loop().time()
        accepted, failed = await dispatch(bus)
        waited_s = asyncio.get_running_loop().time() - started_at
        assert isinstance(accepted, Accepted)
        assert failed.code == "deadline" and "10 s" in failed.message
        assert 10.0 <= waited_s <= 11.0
        assert worker.cancelled == 1
        await bus.close()

    run_virtual(main())


def test_worker_that_floods_without_pause_meets_the_deadline(run_virtual):
    async def main():
        loop = asyncio.get_running_loop()
        ticks = 0.0

        def clock():  # The loop cannot tick while the flood goes on; the clock does.
            nonlocal ticks
            ticks += 0.001
            return loop.time() + ticks

        async def flood(call):
            while True:
                yield "no event at all"

        route = Route(transport=InMemoryTransport({"tool": flood}), timeout_s=1.0, lease_s=3.0)
        bus = InterceptBus({"tool": route}, clock=clock)
        (failed,) = await dispatch(bus)
        assert failed.code == "deadline"
        assert bus.stats.dropped_events > 100

    run_virtual(main())


def test_deadline_spans_both_attempts(run_virtual):
    async def main():
        async def slow_failure(call):
            await asyncio.sleep(7.0)
            yield call.failed("queue_full", "busy", retryable=True)

        worker = Worker(slow_failure, hangs)
        bus = make_bus(InMemoryTransport({"tool": worker}), timeout_s=10.0)
        started_at = asyncio.get_running_loop().time()
        *_, failed = await dispatch(bus)
        assert failed.code == "deadline" and failed.attempt == 2
        assert asyncio.get_running_loop().time() - started_at <= 11.0
        assert worker.calls[1].timeout_s == pytest.approx(3.0, abs=0.1)
        await bus.close()

    run_virtual(main())


def test_a_worker_with_less_time_than_the_call_names_the_whole_deadline(run_virtual):
    async def main():
        async def late(call):
            yield call.accepted("worker")
            yield call.failed("deadline", "tool did not answer within 9.99 s")

        bus = make_bus(InMemoryTransport({"tool": late}), timeout_s=10.0)
        _, failed = await dispatch(bus)
        assert (failed.code, failed.message) == ("deadline", "tool did not answer within 10 s")
        await bus.close()

    run_virtual(main())


def test_a_queue_that_took_all_the_time_is_named(run_virtual):
    async def main():
        async def full(call):
            yield call.failed("deadline", "tool is busy: no slot within 10 s")

        bus = make_bus(InMemoryTransport({"tool": full}), timeout_s=10.0)
        (failed,) = await dispatch(bus)
        assert failed.message == "tool is busy: no slot within 10 s"
        await bus.close()

    run_virtual(main())
