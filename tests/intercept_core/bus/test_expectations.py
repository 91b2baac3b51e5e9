import asyncio

import pytest
from scripted_bus import dispatch, hang, hangs, make_bus

from intercept_core.bus.memory import InMemoryTransport


def test_expected_times_count_down(run_virtual):
    async def main():
        async def works(call):
            yield call.accepted("w1")
            yield call.progress(fraction=0.25, eta_s=4.0)
            await asyncio.sleep(1.0)
            yield call.progress(fraction=0.5)
            await asyncio.sleep(9.0)

        bus = make_bus(InMemoryTransport({"tool": works, "mute": hangs}), "tool", "mute")
        callers = [asyncio.create_task(dispatch(bus, kind)) for kind in ("tool", "mute")]
        await asyncio.sleep(0.5)
        report, mute = bus.eta_reports()
        assert (mute.kind, mute.eta_s, mute.fraction) == ("mute", None, None)
        assert (report.request_id, report.kind, report.fraction) == ("r1", "tool", 0.25)
        assert report.eta_s == pytest.approx(3.5)
        await asyncio.sleep(1.0)
        report, _ = bus.eta_reports()
        assert (report.request_id, report.kind, report.fraction) == ("r1", "tool", 0.5)
        assert report.eta_s == pytest.approx(2.5)
        await asyncio.sleep(6.0)
        assert bus.eta_reports()[0].eta_s == 0.0
        await bus.close()
        await asyncio.gather(*callers)
        assert bus.eta_reports() == []

    run_virtual(main())


@pytest.mark.parametrize("eta_s", [float("nan"), float("inf"), -5.0])
def test_nonsense_of_a_worker_never_reaches_the_scheduler(run_virtual, eta_s):
    async def main():
        async def works(call):
            yield call.progress(fraction=7.0, eta_s=eta_s)
            await hang()

        bus = make_bus(InMemoryTransport({"tool": works}))
        caller = asyncio.create_task(dispatch(bus))
        await asyncio.sleep(0.1)
        (report,) = bus.eta_reports()
        assert report.fraction == 1.0 and report.eta_s in (None, 0.0)
        await bus.close()
        await caller

    run_virtual(main())


def test_expectations_are_pushed_while_calls_are_live(run_virtual):
    async def main():
        async def works(call):
            yield call.accepted("w1")
            for left_s in range(3, 0, -1):
                yield call.progress(eta_s=float(left_s))
                await asyncio.sleep(1.0)
            yield call.result("done")

        pushed = []

        async def sink(reports):
            pushed.append([(r.request_id, r.eta_s) for r in reports])

        bus = make_bus(InMemoryTransport({"tool": works}), eta_sink=sink)
        await dispatch(bus, request_id="r9")
        assert [etas for ((_, etas),) in pushed] == pytest.approx([3.0, 2.0, 1.0])
        assert {request_id for ((request_id, _),) in pushed} == {"r9"}
        await bus.close()

    run_virtual(main())
