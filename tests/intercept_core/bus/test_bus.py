import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.messages import Accepted, Failed, Progress, Result
from intercept_core.bus.route import Route


class RecordingTransport(InMemoryTransport):
    """In memory, and notes the renewals with the time they came."""

    def __init__(self, handlers, renew=None):
        super().__init__(handlers)
        self.renewals = []
        self.renew_hook = renew
        self.closed = 0

    async def renew(self, kind, renewal):
        self.renewals.append((asyncio.get_running_loop().time(), kind, renewal))
        if self.renew_hook is not None:
            await self.renew_hook()

    async def close(self):
        self.closed += 1
        await super().close()


def make_bus(transport, *kinds, **changes):
    options = {"timeout_s": 10.0, "lease_s": 3.0}
    bus_options = {k: changes.pop(k) for k in list(changes) if k in ("eta_sink", "new_id")}
    routes = {k: Route(transport=transport, **(options | changes)) for k in kinds or ["tool"]}
    loop = asyncio.get_running_loop()
    return InterceptBus(routes, clock=loop.time, **bus_options)


async def dispatch(bus, kind="tool", request_id="r1"):
    events = bus.dispatch(kind, {"x": 1}, request_id=request_id, session_id="s1")
    return [event async for event in events]


async def hang():
    await asyncio.Event().wait()


class Worker:
    """A handler that plays one script per attempt and notes what became of it."""

    def __init__(self, *scripts):
        self.scripts = scripts
        self.calls = []
        self.cancelled = 0

    async def __call__(self, call):
        self.calls.append(call)
        try:
            async for event in self.scripts[len(self.calls) - 1](call):
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise


async def answers(call):
    yield call.accepted("w1")
    yield call.result("42")


async def hangs(call):
    yield call.accepted("w1")
    await hang()


def fails(code, *, retryable):
    async def script(call):
        yield call.failed(code, "it broke", retryable=retryable)

    return script


def test_a_call_carries_what_the_worker_needs(run_virtual):
    async def main():
        worker = Worker(answers)
        bus = make_bus(InMemoryTransport({"tool": worker}), new_id=lambda: "id-7")
        events = await dispatch(bus)
        (call,) = worker.calls
        assert events == [call.accepted("w1"), call.result("42")]
        assert (call.call_id, call.request_id, call.session_id) == ("id-7", "r1", "s1")
        assert (call.timeout_s, call.lease_s, call.attempt) == (10.0, 3.0, 1)
        assert (bus.stats.dispatched, bus.stats.succeeded) == (1, 1)
        await bus.close()

    run_virtual(main())


def test_unknown_kind_lists_the_known_ones(run_virtual):
    async def main():
        bus = make_bus(InMemoryTransport({}), "search", "calculator")
        (failed,) = await dispatch(bus, "serach")
        assert failed.code == "unknown_tool" and not failed.retryable
        assert "'serach'" in failed.message and "calculator, search" in failed.message
        assert bus.stats.failed == {"unknown_tool": 1}

    run_virtual(main())


def test_the_bus_names_its_kinds(run_virtual):
    async def main():
        bus = make_bus(InMemoryTransport({}), "search", "calculator")
        assert bus.kinds == {"search", "calculator"}

    run_virtual(main())


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


def test_retryable_failure_is_tried_once_more(run_virtual):
    async def main():
        worker = Worker(fails("worker_lost", retryable=True), answers)
        bus = make_bus(InMemoryTransport({"tool": worker}))
        accepted, result = await dispatch(bus)
        assert (accepted.attempt, result.attempt, result.text) == (2, 2, "42")
        first, second = worker.calls
        assert first.call_id == second.call_id
        assert bus.stats.retried == 1 and bus.stats.failed == {}
        await bus.close()

    run_virtual(main())


@pytest.mark.parametrize("max_attempts", [1, 2, 3])
def test_attempts_are_bounded(run_virtual, max_attempts):
    async def main():
        worker = Worker(*[fails("worker_lost", retryable=True)] * 5)
        bus = make_bus(InMemoryTransport({"tool": worker}), max_attempts=max_attempts)
        (failed,) = await dispatch(bus)
        assert failed.code == "worker_lost"
        assert len(worker.calls) == failed.attempt == max_attempts
        assert bus.stats.failed == {"worker_lost": 1}

    run_virtual(main())


def test_failure_that_is_not_retryable_is_final(run_virtual):
    async def main():
        worker = Worker(fails("bad_arguments", retryable=False), answers)
        bus = make_bus(InMemoryTransport({"tool": worker}))
        (failed,) = await dispatch(bus)
        assert failed.code == "bad_arguments" and len(worker.calls) == 1
        assert bus.stats.retried == 0

    run_virtual(main())


def test_no_retry_without_time_left(run_virtual):
    async def main():
        async def fails_late(call):
            await asyncio.sleep(9.99)
            yield call.failed("queue_full", "busy", retryable=True)

        worker = Worker(fails_late, answers)
        (failed,) = await dispatch(make_bus(InMemoryTransport({"tool": worker})))
        assert failed.code == "queue_full" and len(worker.calls) == 1

    run_virtual(main())


def test_stale_and_duplicate_events_are_dropped_and_counted(run_virtual):
    async def main():
        async def second(call):
            yield Result(call_id=call.call_id, attempt=1, text="late")
            yield Failed(call_id="other", attempt=2, code="internal", message="not yours")
            yield call.accepted("w2")
            yield call.accepted("w3")
            yield {"text": "a dict is no event"}
            yield call.result("right")
            yield call.result("twice")

        worker = Worker(fails("worker_lost", retryable=True), second)
        bus = make_bus(InMemoryTransport({"tool": worker}))
        accepted, result = await dispatch(bus)
        assert (accepted.worker, result.text) == ("w2", "right")
        assert bus.stats.dropped_events == 4
        await bus.close()

    run_virtual(main())


def test_end_without_outcome_is_a_protocol_failure(run_virtual):
    async def main():
        async def stops(call):
            yield call.accepted("w1")

        bus = make_bus(InMemoryTransport({"tool": stops}))
        *_, failed = await dispatch(bus)
        assert failed.code == "protocol"
        await bus.close()

    run_virtual(main())


def test_transport_that_raises_is_an_internal_failure(run_virtual):
    class Raising(InMemoryTransport):
        async def submit(self, call):
            yield call.accepted("w1")
            raise TimeoutError("of its own")

    async def main():
        bus = make_bus(Raising({}))
        *_, failed = await dispatch(bus)
        assert failed.code == "internal"
        await bus.close()

    run_virtual(main())


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


def test_cancelling_the_caller_during_the_backoff_starts_no_second_attempt(run_virtual):
    async def main():
        worker = Worker(fails("worker_lost", retryable=True), answers)
        bus = make_bus(InMemoryTransport({"tool": worker}))
        caller = asyncio.create_task(dispatch(bus))
        await asyncio.sleep(0.01)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert len(worker.calls) == 1
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


STEPS = st.lists(
    st.sampled_from(
        [
            "accept",
            "progress",
            "result",
            "fail",
            "fail_retryable",
            "stale",
            "alien",
            "junk",
            "pause",
            "long_pause",
            "raise",
            "lose_future",
            "end",
        ]
    ),
    max_size=8,
)


async def play(call, steps):
    """A worker that does anything in any order."""
    for step in steps:
        match step:
            case "accept":
                yield call.accepted("w1")
            case "progress":
                yield call.progress(fraction=0.5, eta_s=1.0)
            case "result":
                yield call.result("ok")
            case "fail":
                yield call.failed("tool_error", "no")
            case "fail_retryable":
                yield call.failed("worker_lost", "gone", retryable=True)
            case "stale":
                yield Result(call_id=call.call_id, attempt=call.attempt - 1, text="old")
            case "alien":
                yield Result(call_id="alien", attempt=call.attempt, text="alien")
            case "junk":
                yield None
            case "pause":
                await asyncio.sleep(0.3)
            case "long_pause":
                await asyncio.sleep(30.0)
            case "raise":
                raise ValueError("broken worker")
            case "lose_future":
                future = asyncio.get_running_loop().create_future()
                future.cancel()
                await future
            case "end":
                return


@given(
    scripts=st.lists(st.tuples(STEPS, STEPS), min_size=1, max_size=4),
    close_after_s=st.sampled_from([None, 0.0, 0.2, 5.0]),
)
@settings(max_examples=150, deadline=None)
def test_any_interleaving_gives_exactly_one_outcome(run_virtual, scripts, close_after_s):
    async def main():
        async def handler(call):
            async for event in play(call, scripts[call.arguments["n"]][call.attempt - 1]):
                yield event

        bus = make_bus(InMemoryTransport({"tool": handler}), timeout_s=8.0)

        async def one(n):
            events = bus.dispatch("tool", {"n": n}, request_id=f"r{n}", session_id="s")
            return [event async for event in events]

        callers = [asyncio.create_task(one(n)) for n in range(len(scripts))]
        if close_after_s is not None:
            await asyncio.sleep(close_after_s)
            await bus.close()
        async with asyncio.timeout(60.0):
            streams = await asyncio.gather(*callers)
        for events in streams:
            assert isinstance(events[-1], Result | Failed)
            assert all(isinstance(event, Accepted | Progress) for event in events[:-1])
            assert len({event.call_id for event in events}) == 1
            attempts = [event.attempt for event in events]
            assert attempts == sorted(attempts) and attempts[-1] <= 2
            assert getattr(events[-1], "text", "ok") == "ok"
        stats = bus.stats
        assert stats.dispatched == len(scripts)
        assert stats.succeeded + stats.failed.total() == len(scripts)
        assert bus.eta_reports() == []
        await bus.close()

    run_virtual(main())
