import asyncio

import pytest

from deployments.api.ordered_merge import ordered_merge
from intercept_core.engine.interception import Interception, InterceptionChannel

PATIENCE_S = 30.0


def event(name, state="running"):
    return Interception(
        id=name, kind="tool", arguments={}, state=state, seconds=0.0, context_tokens=1
    )


@pytest.fixture
def channel():
    return InterceptionChannel()


async def collect(stream):
    async with asyncio.timeout(PATIENCE_S):
        return [item if isinstance(item, str) else item.id async for item in stream]


async def test_events_come_where_they_happened(channel):
    async def chunks():
        yield "before"
        channel.publish(event("1"))
        await asyncio.sleep(0)
        channel.publish(event("2"))
        yield "between"
        yield "still between"
        channel.publish(event("3"))
        yield "after"
        channel.publish(event("4"))

    assert await collect(ordered_merge(chunks(), channel)) == [
        *("before", "1", "2", "between", "still between", "3", "after", "4")
    ]


async def test_an_event_does_not_wait_for_the_next_chunk(channel):
    go_on = asyncio.Event()

    async def chunks():
        channel.publish(event("1"))
        await go_on.wait()
        yield "late"

    merged = ordered_merge(chunks(), channel)
    async with asyncio.timeout(PATIENCE_S):
        assert (await anext(merged)).id == "1"
        go_on.set()
        assert await anext(merged) == "late"
        assert [item async for item in merged] == []


async def test_one_chunk_is_asked_for_at_a_time(channel):
    made = []

    async def chunks():
        for name in "abc":
            made.append(name)
            yield name

    merged = ordered_merge(chunks(), channel)
    assert await anext(merged) == "a"
    await asyncio.sleep(0)
    assert made == ["a"]
    await merged.aclose()


async def test_closing_it_closes_the_stream(channel):
    closed = asyncio.Event()

    async def chunks():
        try:
            yield "one"
            yield "two"
        finally:
            closed.set()

    merged = ordered_merge(chunks(), channel)
    await anext(merged)
    await merged.aclose()
    assert closed.is_set()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1, "the reader of the channel has gone"


async def test_cancelling_its_reader_ends_a_stream_that_waits(channel):
    waiting, closed = asyncio.Event(), asyncio.Event()

    async def chunks():
        try:
            waiting.set()
            await asyncio.Event().wait()
            yield "never"
        finally:
            closed.set()

    reader = asyncio.create_task(collect(ordered_merge(chunks(), channel)))
    async with asyncio.timeout(PATIENCE_S):
        await waiting.wait()
        reader.cancel()
        await asyncio.wait({reader})
        await closed.wait()
    assert reader.cancelled()


async def test_an_error_of_the_stream_comes_through(channel):
    async def chunks():
        yield "one"
        channel.publish(event("1"))
        raise LookupError("broken")

    found = []
    with pytest.raises(LookupError, match="broken"):
        async for item in ordered_merge(chunks(), channel):
            found.append(item)
    assert [item if isinstance(item, str) else item.id for item in found] == ["one", "1"]
