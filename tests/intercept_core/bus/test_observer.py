import asyncio

import pytest
from scripted_bus import Worker, answers, fails, hangs

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.route import Route


class Notes:
    """An observer that keeps what it sees."""

    def __init__(self):
        self.seen = []

    def began(self, kind, seconds):
        self.seen.append(("began", kind, round(seconds, 3)))

    def retried(self, kind):
        self.seen.append(("retried", kind))

    def ended(self, kind, outcome):
        self.seen.append(("ended", kind, outcome))


@pytest.fixture
def notes():
    return Notes()


def make_bus(notes, *scripts):
    route = Route(
        transport=InMemoryTransport({"tool": Worker(*scripts)}), timeout_s=10.0, lease_s=3.0
    )
    loop = asyncio.get_running_loop()
    return InterceptBus({"tool": route}, observer=notes, clock=loop.time)


def dispatch(bus, kind="tool"):
    return bus.dispatch(kind, {}, request_id="r1", session_id="s1")


async def slow_to_begin(call):
    await asyncio.sleep(0.5)
    yield call.accepted("w1")
    await asyncio.sleep(2.0)
    yield call.result("done")


def test_the_time_to_the_begin_of_work_is_told(run_virtual, notes):
    async def main():
        bus = make_bus(notes, slow_to_begin)
        async for _ in dispatch(bus):
            pass
        assert notes.seen == [("began", "tool", 0.5), ("ended", "tool", "succeeded")]
        await bus.close()

    run_virtual(main())


def test_a_retry_and_what_comes_of_it(run_virtual, notes):
    async def main():
        bus = make_bus(notes, fails("worker_lost", retryable=True), answers)
        async for _ in dispatch(bus):
            pass
        assert [seen[0] for seen in notes.seen if seen[0] != "began"] == ["retried", "ended"]
        assert notes.seen[-1] == ("ended", "tool", "succeeded")
        await bus.close()

    run_virtual(main())


def test_failures_have_their_code(run_virtual, notes):
    async def main():
        bus = make_bus(notes, fails("tool_error", retryable=False))
        async for _ in dispatch(bus):
            pass
        assert notes.seen[-1] == ("ended", "tool", "tool_error")
        await bus.close()

    run_virtual(main())


def test_who_leaves_has_abandoned_the_call(run_virtual, notes):
    async def main():
        bus = make_bus(notes, hangs)
        events = dispatch(bus)
        await anext(events)
        await events.aclose()
        assert notes.seen[-1] == ("ended", "tool", "abandoned")
        await bus.close()

    run_virtual(main())


def test_a_name_that_the_model_made_up_is_no_label(run_virtual, notes):
    async def main():
        bus = make_bus(notes)
        async for _ in dispatch(bus, "tol"):
            pass
        bus.refused("tol", "bad_call")
        bus.refused("tool", "too_many_parked")
        assert notes.seen == [
            ("ended", "unknown", "unknown_tool"),
            ("ended", "unknown", "bad_call"),
            ("ended", "tool", "too_many_parked"),
        ]
        assert bus.stats.failed == {"unknown_tool": 1, "bad_call": 1, "too_many_parked": 1}
        await bus.close()

    run_virtual(main())
