import asyncio

import calls
import pytest

from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.messages import Cancellation, Failed, Result

PATIENCE_S = 30.0


def make_call(kind="echo", call_id="c1"):
    return calls.make_call(call_id=call_id, kind=kind, arguments={"text": "hi"})


async def echo(call):
    yield call.accepted("here")
    yield call.progress(fraction=0.5)
    yield call.result(call.arguments["text"])


class Endless:
    """A handler that works until it is cancelled."""

    def __init__(self):
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, call):
        yield call.accepted("here")
        self.started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


async def collect(events):
    return [event async for event in events]


async def test_events_of_the_handler_arrive_in_order():
    call = make_call()
    events = await collect(InMemoryTransport({"echo": echo}).submit(call))
    assert events == [call.accepted("here"), call.progress(fraction=0.5), call.result("hi")]


async def test_unknown_kind_names_the_known_ones():
    (failed,) = await collect(InMemoryTransport({"echo": echo}).submit(make_call("nope")))
    assert failed.code == "unknown_tool" and not failed.retryable
    assert "'nope'" in failed.message and "echo" in failed.message


async def test_exception_of_a_handler_is_an_internal_failure():
    async def broken(call):
        yield call.accepted("here")
        raise ZeroDivisionError("secret detail")

    *_, failed = await collect(InMemoryTransport({"echo": broken}).submit(make_call()))
    assert isinstance(failed, Failed) and failed.code == "internal"
    assert "ZeroDivisionError" in failed.message and "secret" not in failed.message


async def test_timeout_error_of_a_handler_is_not_taken_for_a_cancellation():
    async def slow(call):
        yield call.accepted("here")
        raise TimeoutError

    *_, failed = await collect(InMemoryTransport({"echo": slow}).submit(make_call()))
    assert failed.code == "internal"


async def test_cancellation_message_stops_the_handler_and_reports_it():
    handler = Endless()
    transport = InMemoryTransport({"echo": handler})
    reader = asyncio.create_task(collect(transport.submit(make_call())))
    async with asyncio.timeout(PATIENCE_S):
        await handler.started.wait()
        await transport.cancel("echo", Cancellation(worker="here", call_id="other"))
        assert not handler.cancelled.is_set()
        await transport.cancel("echo", Cancellation(worker="here", call_id="c1"))
        *_, failed = await reader
    assert failed.code == "cancelled"
    assert handler.cancelled.is_set()


async def test_cancellation_between_two_events_stops_the_handler():
    closed = []

    async def handler(call):
        try:
            yield call.accepted("here")
            yield call.result("never")
        finally:
            closed.append(True)

    transport = InMemoryTransport({"echo": handler})
    events = transport.submit(make_call())
    await anext(events)
    await transport.cancel("echo", Cancellation(worker="here", call_id="c1"))
    (failed,) = await collect(events)
    assert failed.code == "cancelled" and closed == [True]


async def test_closing_the_iterator_closes_the_handler():
    closed = []

    async def handler(call):
        try:
            yield call.accepted("here")
            yield call.result("never")
        finally:
            closed.append(True)

    events = InMemoryTransport({"echo": handler}).submit(make_call())
    await anext(events)
    await events.aclose()
    assert closed == [True]


async def test_cancelling_the_reader_cancels_the_handler():
    handler = Endless()
    reader = asyncio.create_task(
        collect(InMemoryTransport({"echo": handler}).submit(make_call()))
    )
    async with asyncio.timeout(PATIENCE_S):
        await handler.started.wait()
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
    assert handler.cancelled.is_set()


async def test_close_ends_what_is_running():
    handler = Endless()
    transport = InMemoryTransport({"echo": handler})
    reader = asyncio.create_task(collect(transport.submit(make_call())))
    async with asyncio.timeout(PATIENCE_S):
        await handler.started.wait()
        await transport.close()
        await transport.close()
        *_, failed = await reader
    assert failed.code == "cancelled"


async def test_calls_do_not_disturb_each_other():
    transport = InMemoryTransport({"echo": echo})
    calls = [make_call(call_id=f"c{i}") for i in range(50)]
    all_events = await asyncio.gather(*(collect(transport.submit(c)) for c in calls))
    for call, events in zip(calls, all_events, strict=True):
        assert {event.call_id for event in events} == {call.call_id}
        assert isinstance(events[-1], Result)
