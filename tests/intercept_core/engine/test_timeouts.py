"""Calls that take too long, and requests for which there is no place to wait."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from scripted_tools import ScriptedTools
from vllm.engine.arg_utils import AsyncEngineArgs

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.route import Route
from intercept_core.engine.llm import InterceptLLM
from tests.intercept_core.engine.conftest import DIALECT, MAX_MODEL_LEN, Runner, call, text_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_call_may_end_its_request_when_it_is_late(
    run: Runner, tools: ScriptedTools
) -> None:
    outputs = await run("Wait. " + call("strict", do="hang"), "never")
    assert text_of(outputs) == "Wait. "
    end = outputs[-1].outputs[0]
    assert outputs[-1].finished
    assert end.finish_reason == "abort"
    assert end.stop_reason == "deadline: strict did not answer within 0.3 s"
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
    await run(call("tool", do="hang"), "Sorry.", extra=extra)
    (interception,) = run.channel.latest.values()
    assert interception.error == "deadline: tool did not answer within 0.3 s"


async def test_without_a_place_to_wait_the_model_gets_an_error_at_once(
    run: Runner, tools: ScriptedTools
) -> None:
    run.llm.slots.limit = 1
    first = asyncio.create_task(run("A " + call("tool", do="hang"), "B"))
    async with asyncio.timeout(10):
        await tools.started.wait()
    other = Runner(run.llm)
    outputs = await other(call("tool", text="7"), "Then not.")
    assert text_of(outputs) == "Then not."
    (interception,) = other.channel.latest.values()
    assert interception.error is not None
    assert interception.error.startswith("too_many_parked")
    assert text_of(await first) == "A B"
    assert len(tools.calls) == 1
    assert (run.llm.slots.taken, run.llm.slots.refused) == (0, 1)


@pytest_asyncio.fixture(loop_scope="session")
async def impatient(llm: InterceptLLM) -> AsyncIterator[InterceptLLM]:
    """An engine that keeps nobody parked for long, and whose bus never gives up."""
    args = AsyncEngineArgs(
        model=llm.model_config.model,
        dtype="float32",
        max_model_len=MAX_MODEL_LEN,
        enforce_eager=True,
        block_size=32,
        num_gpu_blocks_override=65,
        async_scheduling=True,
        scheduler_cls="intercept_core.scheduler.InterceptAsyncScheduler",
        logits_processors=["scripted_logits:ScriptedLogits"],
        additional_config={"intercept": {"park_deadline_s": 0.5}},
    )
    impatient = InterceptLLM.from_engine_args(args)
    yield impatient
    impatient.shutdown()


async def test_the_scheduler_ends_a_request_that_nobody_answers(
    impatient: InterceptLLM, tools: ScriptedTools
) -> None:
    """The engine rests meanwhile: it has to wake up for this by itself."""
    transport = InMemoryTransport(dict.fromkeys(tools.KINDS, tools.run))
    route = Route(transport=transport, timeout_s=600.0, lease_s=600.0)
    bus = InterceptBus(
        dict.fromkeys((*tools.KINDS, "strict"), route), eta_sink=impatient.push_etas
    )
    impatient.attach(bus, DIALECT)
    runner = Runner(impatient)
    async with asyncio.timeout(20):
        outputs = await runner("Hm. " + call("tool", do="hang"), "never")
    assert text_of(outputs) == "Hm. "
    end = outputs[-1].outputs[0]
    assert outputs[-1].finished
    assert end.finish_reason == "abort"
    assert end.stop_reason == "park_deadline: no result came within 0.5 s"
    (interception,) = runner.channel.latest.values()
    assert interception.error == end.stop_reason
    assert tools.cancelled.is_set()
    snapshot = await impatient.snapshot()
    assert snapshot["parked"] == {}
    assert snapshot["requests"] == 0
    assert snapshot["telemetry"]["overdue"] == 1
    assert text_of(await runner("Still here.")) == "Still here."
    await bus.close()
