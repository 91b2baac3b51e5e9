import asyncio
import logging
from itertools import pairwise

import pytest

from intercept_core.bus.eta_pusher import EtaPusher
from intercept_core.bus.messages import EtaReport


def report_of(call_id):
    return EtaReport(request_id=call_id, kind="tool", eta_s=1.0, fraction=None)


class Sink:
    def __init__(self, behave=None):
        self.pushes = []
        self.behave = behave

    async def __call__(self, reports):
        now_s = asyncio.get_running_loop().time()
        self.pushes.append((now_s, [report.request_id for report in reports]))
        if self.behave is not None:
            await self.behave(len(self.pushes))


def test_first_change_goes_out_at_once_and_later_ones_together(run_virtual):
    async def main():
        sink = Sink()
        pusher = EtaPusher(report_of, sink)
        started_at = asyncio.get_running_loop().time()
        pusher.mark("a")
        await asyncio.sleep(0.01)
        for call_id in ("b", "c", "b"):
            pusher.mark(call_id)
        await asyncio.sleep(1.0)
        times_s = [at_s - started_at for at_s, _ in sink.pushes]
        assert [ids for _, ids in sink.pushes] == [["a"], ["b", "c"]]
        assert times_s == pytest.approx([0.0, 0.05])

    run_virtual(main())


def test_constant_change_is_throttled_and_loses_nothing(run_virtual):
    async def main():
        sink = Sink()
        pusher = EtaPusher(report_of, sink)
        for n in range(1000):
            pusher.mark(f"call-{n}")
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)
        times_s = [at_s for at_s, _ in sink.pushes]
        gaps_s = [b - a for a, b in pairwise(times_s)]
        assert min(gaps_s) >= 0.05 - 1e-9
        assert 19 <= len(times_s) <= 22
        assert sum(len(ids) for _, ids in sink.pushes) == 1000

    run_virtual(main())


def test_very_many_changes_go_out_in_parts_and_as_they_are_by_then(run_virtual):
    async def main():
        sink = Sink()
        pusher = EtaPusher(report_of, sink, most_reports=4)
        for n in range(10):
            pusher.mark(f"call-{n}")
        await asyncio.sleep(0.06)
        pusher.mark("call-9")
        pusher.mark("call-0")
        await asyncio.sleep(1.0)
        ids = [[int(id_.removeprefix("call-")) for id_ in push] for _, push in sink.pushes]
        assert ids == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0]]

    run_virtual(main())


def test_calls_that_have_ended_are_not_reported(run_virtual):
    async def main():
        sink = Sink()
        pusher = EtaPusher(lambda call_id: None, sink)
        pusher.mark("a")
        await asyncio.sleep(1.0)
        assert sink.pushes == []

    run_virtual(main())


def test_nothing_runs_when_nothing_changes(run_virtual):
    async def main():
        pusher = EtaPusher(report_of, Sink())
        pusher.mark("a")
        await asyncio.sleep(1.0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())


def test_broken_sink_is_logged_once_and_tried_again(run_virtual, caplog):
    async def main():
        async def broken_thrice(nth):
            if nth <= 3:
                raise ConnectionError("engine is away")

        sink = Sink(broken_thrice)
        pusher = EtaPusher(report_of, sink)
        for _ in range(5):
            pusher.mark("a")
            await asyncio.sleep(0.2)
        assert len(sink.pushes) == 5

    with caplog.at_level(logging.WARNING):
        run_virtual(main())
    assert len(caplog.records) == 1


def test_hanging_sink_is_given_up(run_virtual):
    async def main():
        async def hang_first(nth):
            if nth == 1:
                await asyncio.Event().wait()

        sink = Sink(hang_first)
        pusher = EtaPusher(report_of, sink, push_timeout_s=0.5)
        pusher.mark("a")
        await asyncio.sleep(0.1)
        pusher.mark("b")
        await asyncio.sleep(0.3)
        assert len(sink.pushes) == 1
        await asyncio.sleep(0.3)
        assert [ids for _, ids in sink.pushes] == [["a"], ["b"]]

    run_virtual(main())


def test_close_stops_a_push_on_its_way(run_virtual):
    async def main():
        async def hang(nth):
            await asyncio.Event().wait()

        sink = Sink(hang)
        pusher = EtaPusher(report_of, sink)
        pusher.mark("a")
        await asyncio.sleep(0.1)
        await pusher.close()
        pusher.mark("b")
        await asyncio.sleep(1.0)
        assert len(sink.pushes) == 1

    run_virtual(main())
