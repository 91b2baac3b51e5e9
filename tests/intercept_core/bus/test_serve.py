"""The Serve transport on a real local Ray."""

import asyncio
import os
import sys
import time
from contextlib import aclosing

import pytest
import ray
from ray import serve
from ray.exceptions import RayActorError
from ray.serve.config import RequestRouterConfig
from ray.serve.exceptions import ReplicaUnavailableError

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.messages import Accepted, Cancellation, Progress, Renewal, Result
from intercept_core.bus.pinned_router import PinnedRouter
from intercept_core.bus.route import Route
from intercept_core.bus.serve import ServeTransport

# Replicas cannot import test modules.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

PATIENCE_S = 30.0


@serve.deployment
class ScriptedWorker:
    """Does what the arguments of a call say and remembers what happened to it."""

    def __init__(self):
        self.address = serve.get_replica_context().replica_id.unique_id
        self.seen = {"cancelled": [], "renewed": [], "messages": []}

    async def run(self, call):
        yield call.accepted(self.address)
        arguments = call.arguments
        if "raise" in arguments:
            raise ValueError(arguments["raise"])
        for step in range(arguments.get("steps", 0)):
            yield call.progress(fraction=step / arguments["steps"], eta_s=1.0)
        if arguments.get("hang") or arguments.get("hang_in_attempt") == call.attempt:
            try:
                await asyncio.sleep(60.0)
            except asyncio.CancelledError:
                self.seen["cancelled"].append(call.call_id)
                raise
        yield call.result(arguments.get("text", "done"))

    async def renew(self, renewal):
        self.seen["renewed"].append(renewal)
        return self.address

    async def cancel(self, cancellation):
        self.seen["messages"].append(cancellation)
        return self.address

    async def die(self, pin):
        os._exit(1)

    async def history(self):
        return self.seen


@pytest.fixture(scope="module")
def handle(ray_session):
    deployment = ScriptedWorker.options(
        num_replicas=2,
        max_ongoing_requests=1000,
        ray_actor_options={"num_cpus": 0},
        request_router_config=RequestRouterConfig(request_router_class=PinnedRouter),
        graceful_shutdown_timeout_s=10.0,
        graceful_shutdown_wait_loop_s=0.1,
    )
    yield serve.run(deployment.bind(), name="scripted", route_prefix=None)
    serve.delete("scripted")


@pytest.fixture
async def bus(handle):
    transport = ServeTransport({"tool": handle})
    bus = InterceptBus({"tool": Route(transport=transport, timeout_s=PATIENCE_S, lease_s=1.5)})
    yield bus
    await bus.close()


async def dispatch(bus, **arguments):
    events = bus.dispatch("tool", arguments, request_id="r1", session_id="s1")
    async with asyncio.timeout(PATIENCE_S):
        return [event async for event in events]


async def history_where(handle, condition):
    """The first replica's history that meets ``condition``."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            for seen in await handle.broadcast("history").results_async():
                if condition(seen):
                    return seen
            await asyncio.sleep(0.05)


async def test_progress_arrives_over_the_stream(bus):
    accepted, *progress, result = await dispatch(bus, steps=4, text="42")
    assert isinstance(accepted, Accepted) and accepted.worker
    assert [event.fraction for event in progress] == [0.0, 0.25, 0.5, 0.75]
    assert all(isinstance(event, Progress) for event in progress)
    assert result.text == "42"


async def test_closing_a_dispatch_cancels_the_task_and_tells_the_worker(bus, handle):
    events = bus.dispatch("tool", {"hang": True}, request_id="r1", session_id="s1")
    async with aclosing(events):
        accepted = await anext(events)
    cancellation = Cancellation(worker=accepted.worker, call_id=accepted.call_id)
    seen = await history_where(handle, lambda h: accepted.call_id in h["cancelled"])
    assert seen is not None
    await history_where(handle, lambda h: cancellation in h["messages"])


async def test_cancelling_a_caller_cancels_the_task_in_the_worker(bus, handle):
    accepted = asyncio.get_running_loop().create_future()

    async def call():
        events = bus.dispatch("tool", {"hang": True}, request_id="r1", session_id="s1")
        async for event in events:
            accepted.set_result(event)

    caller = asyncio.create_task(call())
    call_id = (await asyncio.wait_for(accepted, PATIENCE_S)).call_id
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await history_where(handle, lambda h: call_id in h["cancelled"])


async def test_pinned_messages_reach_their_replica_among_others(handle):
    transport = ServeTransport({"tool": handle})
    run = InterceptBus({"tool": Route(transport=transport, timeout_s=10.0, lease_s=5.0)})
    workers = set()
    async with asyncio.timeout(PATIENCE_S):
        while len(workers) < 2:
            workers.add((await dispatch(run))[0].worker)
        renew = handle.options(method_name="renew")
        wanted = sorted(workers) * 40
        calls = [asyncio.create_task(dispatch(run)) for _ in range(40)]
        reached = await asyncio.gather(
            *(renew.remote(Renewal(worker=w, call_ids=("x",), lease_s=1.0)) for w in wanted)
        )
        outcomes = [events[-1] for events in await asyncio.gather(*calls)]
    assert reached == wanted
    assert all(isinstance(outcome, Result) for outcome in outcomes)
    await run.close()


async def test_message_to_a_vanished_replica_fails_at_once_and_blocks_nobody(bus, handle):
    renew = handle.options(method_name="renew")
    started_at = time.monotonic()
    lost = [
        renew.remote(Renewal(worker="gone", call_ids=("x",), lease_s=1.0)) for _ in range(20)
    ]
    (*_, result) = await dispatch(bus)
    assert isinstance(result, Result)
    errors = await asyncio.gather(*lost, return_exceptions=True)
    assert all(isinstance(error, ReplicaUnavailableError) for error in errors)
    assert time.monotonic() - started_at < PATIENCE_S / 2


async def test_leases_are_renewed_at_the_replica_that_works(bus, handle):
    events = bus.dispatch("tool", {"hang": True}, request_id="r1", session_id="s1")
    async with aclosing(events):
        accepted = await anext(events)
        # Renewals do not depend on the reader: nobody iterates the dispatch here.
        seen = await history_where(
            handle,
            lambda h: sum(accepted.call_id in r.call_ids for r in h["renewed"]) >= 2,
        )
    for renewal in seen["renewed"]:
        if accepted.call_id in renewal.call_ids:
            assert (renewal.worker, renewal.lease_s) == (accepted.worker, 1.5)


async def test_exception_of_a_worker_is_internal_and_final(bus):
    accepted, failed = await dispatch(bus, **{"raise": "secret detail"})
    assert isinstance(accepted, Accepted)
    assert failed.code == "internal" and failed.attempt == 1
    assert "secret" not in failed.message


async def test_unknown_kind_of_a_transport(handle):
    transport = ServeTransport({"tool": handle})
    bus = InterceptBus({"else": Route(transport=transport, timeout_s=5.0, lease_s=1.0)})
    events = [e async for e in bus.dispatch("else", {}, request_id="r", session_id="s")]
    assert events[-1].code == "unknown_tool"
    await bus.close()


async def dispatch_and_kill(bus, handle, **arguments):
    """Runs a call and kills the first worker that accepts it; gives the events."""
    events = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in bus.dispatch("tool", arguments, request_id="r1", session_id="s1"):
            events.append(event)
            if len(events) == 1:
                pin = Renewal(worker=event.worker, call_ids=(), lease_s=1.0)
                with pytest.raises(RayActorError):
                    await handle.options(method_name="die").remote(pin)
    return events


async def test_worker_that_dies_is_replaced(bus, handle):
    events = await dispatch_and_kill(bus, handle, hang_in_attempt=1, text="survived")
    first, second, result = events
    assert (first.attempt, second.attempt, result.text) == (1, 2, "survived")
    assert first.worker != second.worker
    assert bus.stats.retried == 1


async def test_worker_that_dies_without_another_attempt_is_reported(handle):
    transport = ServeTransport({"tool": handle})
    route = Route(transport=transport, timeout_s=PATIENCE_S, lease_s=1.5, max_attempts=1)
    bus = InterceptBus({"tool": route})
    *_, failed = await dispatch_and_kill(bus, handle, hang=True)
    assert failed.code == "worker_lost" and failed.retryable
    assert failed.message
    await bus.close()
