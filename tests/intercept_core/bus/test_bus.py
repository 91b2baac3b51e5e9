from scripted_bus import Worker, answers, dispatch, fails, make_bus

from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.messages import Failed, Result


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
