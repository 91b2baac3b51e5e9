"""Calls that take too long, and requests for which there is no place to wait."""

import asyncio

import pytest
from engine_runner import DIALECT, HANGS_S, PARK_DEADLINE_S, Runner, call, text_of
from scripted_tools import ScriptedTools

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.route import Route

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_call_may_end_its_request_when_it_is_late(
    run: Runner, tools: ScriptedTools
) -> None:
    extra = {"intercept_timeout_s": HANGS_S}
    outputs = await run("Wait. " + call("strict", do="hang"), "never", extra=extra)
    assert text_of(outputs) == "Wait. "
    end = outputs[-1].outputs[0]
    assert outputs[-1].finished
    assert end.finish_reason == "abort"
    assert end.stop_reason == f"deadline: strict did not answer within {HANGS_S:g} s"
    (interception,) = run.channel.latest.values()
    assert interception.state == "failed"
    assert interception.error == end.stop_reason
    assert tools.cancelled.is_set()


async def test_another_failure_of_such_a_call_is_told_to_the_model(run: Runner) -> None:
    outputs = await run(call("strict", do="fail"), "Sorry.")
    assert text_of(outputs) == "Sorry."


async def test_a_request_may_set_an_earlier_deadline(run: Runner) -> None:
    extra = {"intercept_timeout_s": 0.05}
    outputs = await run(call("tool", do="hang"), "Sorry.", extra=extra)
    assert text_of(outputs) == "Sorry."
    (interception,) = run.channel.latest.values()
    assert interception.error == "deadline: tool did not answer within 0.05 s"


async def test_a_request_cannot_set_a_later_deadline(run: Runner) -> None:
    extra = {"intercept_timeout_s": 1e6}
    await run(call("hasty", do="hang"), "Sorry.", extra=extra)
    (interception,) = run.channel.latest.values()
    assert interception.error == f"deadline: hasty did not answer within {HANGS_S:g} s"


async def test_without_a_place_to_wait_the_model_gets_an_error_at_once(
    run: Runner, tools: ScriptedTools
) -> None:
    run.llm.slots.limit = 1
    with run.llm.slots.one() as has_place:  # as another request that waits
        assert has_place
        outputs = await run(call("tool", text="7"), "Then not.")
    assert text_of(outputs) == "Then not."
    (interception,) = run.channel.latest.values()
    assert interception.error is not None
    assert interception.error.startswith("too_many_parked")
    assert tools.calls == []
    assert (run.llm.slots.taken, run.llm.slots.refused) == (0, 1)


async def test_the_scheduler_ends_a_request_that_nobody_answers(
    run: Runner, tools: ScriptedTools
) -> None:
    """The engine rests meanwhile: it has to wake up for this by itself."""
    overdue = (await run.llm.snapshot())["telemetry"]["overdue"]
    transport = InMemoryTransport(dict.fromkeys(tools.KINDS, tools.run))
    route = Route(transport=transport, timeout_s=600.0, lease_s=600.0)
    bus = InterceptBus(
        dict.fromkeys((*tools.KINDS, "strict", "hasty"), route), eta_sink=run.llm.push_etas
    )
    run.llm.attach(bus, DIALECT)
    async with asyncio.timeout(PARK_DEADLINE_S + 60):
        outputs = await run("Hm. " + call("tool", do="hang"), "never")
    assert text_of(outputs) == "Hm. "
    end = outputs[-1].outputs[0]
    assert outputs[-1].finished
    assert end.finish_reason == "abort"
    assert end.stop_reason == f"park_deadline: no result came within {PARK_DEADLINE_S:g} s"
    (interception,) = run.channel.latest.values()
    assert interception.error == end.stop_reason
    assert tools.cancelled.is_set()
    snapshot = await run.llm.snapshot()
    assert snapshot["parked"] == {}
    assert snapshot["requests"] == 0
    assert snapshot["telemetry"]["overdue"] == overdue + 1
    assert text_of(await run("Still here.")) == "Still here."
    await bus.close()
