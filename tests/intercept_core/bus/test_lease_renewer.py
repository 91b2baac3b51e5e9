import asyncio

import pytest
from scripted_bus import RecordingTransport, dispatch, hang, make_bus

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.messages import Result
from intercept_core.bus.route import Route


def test_leases_are_renewed_in_one_batch_per_worker(run_virtual):
    async def main():
        async def works(call):
            yield call.accepted("even" if call.arguments["n"] % 2 == 0 else "odd")
            await asyncio.sleep(2.5)
            yield call.result("done")

        transport = RecordingTransport({"tool": works})
        bus = make_bus(transport, lease_s=3.0)
        loop = asyncio.get_running_loop()
        started_at = loop.time()

        async def one(n):
            events = bus.dispatch("tool", {"n": n}, request_id=f"r{n}", session_id="s")
            return [event async for event in events]

        outcomes = await asyncio.gather(*(one(n) for n in range(6)))
        ids = {n: outcomes[n][0].call_id for n in range(6)}
        assert len(transport.renewals) == 4
        for at_s, kind, renewal in transport.renewals:
            assert kind == "tool" and renewal.lease_s == 3.0
            numbers = [0, 2, 4] if renewal.worker == "even" else [1, 3, 5]
            assert renewal.call_ids == tuple(ids[n] for n in numbers)
            assert (at_s - started_at) % 1.0 == pytest.approx(0.0, abs=1e-6)
        await asyncio.sleep(10.0)
        assert len(transport.renewals) == 4, "nothing is renewed once the calls have ended"
        await bus.close()

    run_virtual(main())


def test_renewals_start_again_after_a_pause(run_virtual):
    async def main():
        async def works(call):
            yield call.accepted("w1")
            await asyncio.sleep(1.5)
            yield call.result("done")

        transport = RecordingTransport({"tool": works})
        bus = make_bus(transport, lease_s=3.0)
        await dispatch(bus)
        await asyncio.sleep(60.0)
        before = len(transport.renewals)
        await dispatch(bus)
        assert (before, len(transport.renewals)) == (1, 2)
        await bus.close()

    run_virtual(main())


def test_an_idle_bus_has_nothing_scheduled(run_virtual):
    async def main():
        async def works(call):
            yield call.accepted("w1")
            yield call.progress(eta_s=1.0)
            await asyncio.sleep(4.0)
            yield call.result("done")

        async def sink(reports):
            pass

        await dispatch(make_bus(RecordingTransport({"tool": works}), eta_sink=sink))
        await hang()

    with pytest.raises(RuntimeError, match="waits for something that can never happen"):
        run_virtual(main())


def test_renewals_that_hang_or_raise_hold_nothing_up(run_virtual):
    async def main():
        async def works(call):
            yield call.accepted("w1")
            await asyncio.sleep(5.6)
            yield call.result("done")

        hanging = RecordingTransport({"a": works}, renew=hang)

        async def explode():
            raise ConnectionError

        raising = RecordingTransport({"b": works}, renew=explode)
        loop = asyncio.get_running_loop()
        bus = InterceptBus(
            {
                "a": Route(transport=hanging, timeout_s=10.0, lease_s=3.0),
                "b": Route(transport=raising, timeout_s=10.0, lease_s=1.5),
            },
            clock=loop.time,
        )
        started_at = loop.time()
        a, b = await asyncio.gather(dispatch(bus, "a"), dispatch(bus, "b"))
        assert isinstance(a[-1], Result) and isinstance(b[-1], Result)
        assert loop.time() - started_at == pytest.approx(5.6)
        assert (len(hanging.renewals), len(raising.renewals)) == (5, 11)
        await bus.close()

    run_virtual(main())
