import asyncio
from contextlib import aclosing

import pytest
from scripted_bus import RecordingTransport, Worker, answers, dispatch, hang, hangs, make_bus

from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.messages import Accepted, Result
from intercept_core.bus.transport import BusTransport


def test_cancelled_error_from_below_does_not_cancel_the_caller(run_virtual):
    async def main():
        async def loses_its_future(call):
            yield call.accepted("w1")
            future = asyncio.get_running_loop().create_future()
            future.cancel()
            await future

        worker = Worker(loses_its_future, answers)
        bus = make_bus(InMemoryTransport({"tool": worker}))
        *_, result = await dispatch(bus)
        assert isinstance(result, Result) and bus.stats.retried == 1
        await bus.close()

    run_virtual(main())


def test_cancelling_the_caller_cancels_the_work(run_virtual):
    async def main():
        worker = Worker(hangs)
        bus = make_bus(InMemoryTransport({"tool": worker}))
        caller = asyncio.create_task(dispatch(bus))
        await asyncio.sleep(1.0)
        assert worker.cancelled == 0
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert worker.cancelled == 1
        assert bus.stats.abandoned == 1 and bus.stats.failed == {}
        await bus.close()

    run_virtual(main())


class ObscuringTransport(BusTransport):
    """A transport that makes an error of its own of every cancellation, as libraries do."""

    def __init__(self):
        self.submitted = 0

    async def submit(self, call):
        self.submitted += 1
        try:
            await asyncio.sleep(100.0)
        except asyncio.CancelledError:
            yield call.failed("worker_lost", "the request was cancelled", retryable=True)
        yield call.failed("internal", "nobody was there")

    async def renew(self, kind, renewal):
        pass

    async def cancel(self, kind, cancellation):
        pass

    async def close(self):
        pass


def test_a_cancellation_that_a_transport_obscures_still_ends_the_caller(run_virtual):
    async def main():
        transport = ObscuringTransport()
        bus = make_bus(transport)
        caller = asyncio.create_task(dispatch(bus))
        await asyncio.sleep(1.0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert transport.submitted == 1
        assert bus.stats.abandoned == 1 and bus.stats.retried == 0
        await bus.close()

    run_virtual(main())


def test_closing_the_dispatch_closes_the_work(run_virtual):
    async def main():
        worker = Worker(hangs)
        bus = make_bus(InMemoryTransport({"tool": worker}))
        events = bus.dispatch("tool", {}, request_id="r1", session_id="s1")
        async with aclosing(events):
            assert isinstance(await anext(events), Accepted)
        assert worker.cancelled == 1
        assert bus.stats.abandoned == 1
        await bus.close()

    run_virtual(main())


def test_close_ends_live_dispatches_and_refuses_new_ones(run_virtual):
    async def main():
        worker = Worker(hangs, hangs)
        transport = RecordingTransport({"tool": worker, "other": worker})
        bus = make_bus(transport, "tool", "other")
        callers = [asyncio.create_task(dispatch(bus, k)) for k in ("tool", "other")]
        await asyncio.sleep(1.0)
        await bus.close()
        await bus.close()
        for caller in callers:
            assert (await caller)[-1].code == "cancelled"
        assert worker.cancelled == 2 and transport.closed == 1
        (failed,) = await dispatch(bus)
        assert failed.code == "cancelled" and len(worker.calls) == 2

    run_virtual(main())


def test_close_does_not_wait_for_ever(run_virtual):
    async def main():
        class Stuck(RecordingTransport):
            async def close(self):
                await hang()

        bus = make_bus(Stuck({"tool": hangs}))
        events = bus.dispatch("tool", {}, request_id="r1", session_id="s1")
        await anext(events)  # Suspended here: its reader never comes back.
        started_at = asyncio.get_running_loop().time()
        await bus.close()
        assert asyncio.get_running_loop().time() - started_at <= 4.0
        await events.aclose()

    run_virtual(main())
