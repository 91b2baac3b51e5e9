"""Questions that wait at the workers of a real local Ray, and their answers."""

import asyncio
import os
import signal
import sys
from contextlib import aclosing

import pytest
import ray
from ray import serve
from ray.serve.config import RequestRouterConfig

from deployments.api.questions import Questions
from deployments.pools.augmentation import AugmentationWorker
from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.messages import Accepted, Answer, Result
from intercept_core.bus.pinned_router import PinnedRouter
from intercept_core.bus.route import Route
from intercept_core.bus.serve import ServeTransport

# Neither replicas nor actors can import test modules.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

PATIENCE_S = 60.0


class Worker(AugmentationWorker):
    async def holds(self):
        """The process, and the calls that wait in it."""
        return os.getpid(), [question.call_id for question in await self.questions()]


@pytest.fixture(scope="module")
def human(ray_session):
    deployment = serve.deployment(Worker).options(
        name="human",
        num_replicas=2,
        max_ongoing_requests=1000,
        ray_actor_options={"num_cpus": 0},
        request_router_config=RequestRouterConfig(request_router_class=PinnedRouter),
        graceful_shutdown_timeout_s=5.0,
        graceful_shutdown_wait_loop_s=0.1,
        health_check_period_s=1.0,
    )
    app = deployment.bind("chatbot", {}, 100, 0, 1000)
    yield serve.run(app, name="human", route_prefix=None)
    serve.delete("human")


@pytest.fixture
def questions(human):
    return Questions({"human": human})


@pytest.fixture
async def bus(human):
    transport = ServeTransport({"human": human})
    route = Route(transport=transport, timeout_s=PATIENCE_S, lease_s=PATIENCE_S)
    bus = InterceptBus({"human": route})
    yield bus
    await bus.close()


def ask(bus, name):
    arguments = {"message": f"Who is {name}?"}
    return bus.dispatch("human", arguments, request_id=name, session_id=name)


async def outcome_of(events):
    return [event async for event in events][-1]


async def begun(bus, *names):
    """Dispatches that somebody has accepted, by the ids of their calls."""
    dispatches = {}
    for name in names:
        events = ask(bus, name)
        accepted = await anext(events)
        assert isinstance(accepted, Accepted)
        dispatches[accepted.call_id] = events
    return dispatches


async def waiting_ids(questions, condition):
    """The ids of the open questions, once they meet ``condition``."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition(ids := {one.call_id for one in await questions.waiting()}):
            await asyncio.sleep(0.05)
    return ids


async def test_answers_reach_their_questions_at_any_worker(bus, questions, human):
    calls = await begun(bus, *"abcdef")
    await waiting_ids(questions, lambda ids: ids == set(calls))
    held = [ids for _, ids in await human.broadcast("holds").results_async()]
    assert sorted(id_ for ids in held for id_ in ids) == sorted(calls)
    for one in await questions.waiting():
        assert one.arguments == {"message": f"Who is {one.session_id}?"}
        assert 0 < one.remaining_s <= PATIENCE_S
    outcomes = [asyncio.create_task(outcome_of(events)) for events in calls.values()]
    for call_id in calls:
        receipt = await questions.answer(Answer(call_id=call_id, text=f"for {call_id}"))
        assert receipt == "taken"
    texts = [(await outcome).text for outcome in outcomes]
    assert texts == [f"for {call_id}" for call_id in calls]
    assert await questions.waiting() == []
    late = Answer(call_id=next(iter(calls)), text="late")
    assert await questions.answer(late) == "answered"


async def test_an_answer_may_follow_the_first_event_at_once(bus, questions):
    for number in range(10):
        ((call_id, events),) = (await begun(bus, f"hasty-{number}")).items()
        assert await questions.answer(Answer(call_id=call_id, text="now")) == "taken"
        assert (await outcome_of(events)).text == "now"


async def test_nobody_is_told_of_a_call_that_nobody_knows(questions):
    assert await questions.answer(Answer(call_id="nothing", text="?")) == "unknown"
    assert await Questions({}).answer(Answer(call_id="nothing", text="?")) == "unknown"
    assert await Questions({}).waiting() == []


async def test_a_caller_that_leaves_takes_its_question_along(bus, questions):
    events = ask(bus, "gone")
    async with aclosing(events):
        call_id = (await anext(events)).call_id
        await waiting_ids(questions, lambda ids: call_id in ids)
    await waiting_ids(questions, lambda ids: call_id not in ids)
    assert await questions.answer(Answer(call_id=call_id, text="?")) == "unknown"


async def test_a_worker_that_hangs_hides_its_own_questions_alone(bus, human):
    calls = await begun(bus, *"uvwxyz")
    holders = dict(await human.broadcast("holds").results_async())
    assert sum(bool(ids) for ids in holders.values()) > 1
    stopped, hidden = next((pid, ids) for pid, ids in holders.items() if ids)
    os.kill(stopped, signal.SIGSTOP)
    try:
        found = await Questions({"human": human}, timeout_s=15.0).waiting()
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert {one.call_id for one in found} == set(calls) - set(hidden)
    for events in calls.values():
        await events.aclose()


async def test_a_question_whose_worker_is_killed_is_asked_again(bus, questions, human):
    ((call_id, events),) = (await begun(bus, "phoenix")).items()
    await waiting_ids(questions, lambda ids: call_id in ids)
    outcome = asyncio.create_task(outcome_of(events))
    ((pid, _),) = [
        (pid, ids)
        for pid, ids in await human.broadcast("holds").results_async()
        if call_id in ids
    ]
    os.kill(pid, signal.SIGKILL)

    async def asked_again():
        told = await human.broadcast("holds").results_async(return_exceptions=True)
        return any(
            not isinstance(one, Exception) and one[0] != pid and call_id in one[1]
            for one in told
        )

    async with asyncio.timeout(PATIENCE_S):
        while not await asked_again():
            await asyncio.sleep(0.05)
    assert await questions.answer(Answer(call_id=call_id, text="still here")) == "taken"
    result = await outcome
    assert isinstance(result, Result)
    assert (result.text, result.attempt) == ("still here", 2)
