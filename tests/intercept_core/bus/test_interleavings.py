import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_bus import make_bus

from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.messages import Accepted, Failed, Progress, Result

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
@settings(max_examples=150)
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
