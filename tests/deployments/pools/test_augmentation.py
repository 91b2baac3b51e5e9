"""The augmentation deployment on a real local Ray, called over the bus."""

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

import pytest
import ray
from ray import serve
from ray.serve.config import RequestRouterConfig

from deployments.pools.augmentation import AugmentationWorker
from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.messages import Accepted, Progress, Result
from intercept_core.bus.pinned_router import PinnedRouter
from intercept_core.bus.route import Route
from intercept_core.bus.serve import ServeTransport

# Neither replicas nor actors can import test modules.
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])

PATIENCE_S = 120.0
LEASE_S = 6.0
"""A renewal has a third of it to arrive, on however busy a machine."""


class Journal:
    """What the scripted augmentation has written so far."""

    def __init__(self, path):
        self.path = path

    def lines(self):
        return self.path.read_text().splitlines() if self.path.exists() else []

    async def wait_for(self, line):
        async with asyncio.timeout(PATIENCE_S):
            while line not in self.lines():
                await asyncio.sleep(0.02)


class Worker(AugmentationWorker):
    stuck_after_s = 0.2


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    return Journal(tmp_path_factory.mktemp("augmentation") / "journal")


@pytest.fixture(scope="module")
def scripted(ray_session, journal):
    """Two calls run at a time, one may wait."""
    deployment = serve.deployment(Worker).options(
        name="scripted",
        max_ongoing_requests=1000,
        ray_actor_options={
            "num_cpus": 0,
            "runtime_env": {"env_vars": {"PYTHONPATH": str(Path(__file__).parents[1])}},
        },
        request_router_config=RequestRouterConfig(request_router_class=PinnedRouter),
        graceful_shutdown_timeout_s=10.0,
        graceful_shutdown_wait_loop_s=0.1,
        health_check_period_s=1.0,
    )
    options = {"journal": str(journal.path)}
    app = deployment.bind("scripted_augmentation:Scripted", options, 2, 1, 1000)
    yield serve.run(app, name="scripted", route_prefix=None)
    serve.delete("scripted")
    assert "closed" in journal.lines(), "the augmentation is closed with its replica"


def make_bus(handle, grace_s=0.5, **changes):
    options = {"timeout_s": PATIENCE_S, "lease_s": LEASE_S, "max_attempts": 1} | changes
    route = Route(transport=ServeTransport({"scripted": handle}), **options)
    return InterceptBus({"scripted": route}, grace_s=grace_s)


@pytest.fixture
async def bus(scripted):
    bus = make_bus(scripted)
    yield bus
    await bus.close()


def start(bus, name, **arguments):
    return bus.dispatch("scripted", arguments, request_id=name, session_id=name)


async def dispatch(bus, name, **arguments):
    async with asyncio.timeout(PATIENCE_S):
        return [event async for event in start(bus, name, **arguments)]


async def waiting(handle, calls):
    """Until so many calls wait for a slot."""
    async with asyncio.timeout(PATIENCE_S):
        while (await handle.record_autoscaling_stats.remote())["waiting"] != calls:
            await asyncio.sleep(0.02)


async def test_a_call_runs_in_a_replica(bus):
    accepted, progress, result = await dispatch(bus, "plain")
    assert isinstance(accepted, Accepted) and isinstance(progress, Progress)
    assert result.text == "worked"


async def test_arguments_are_checked_by_the_worker(bus, journal):
    *_, failed = await dispatch(bus, "typo", secnods=1)
    assert failed.code == "bad_arguments" and "secnods" in failed.message
    assert "started typo" not in journal.lines()


async def test_renewals_keep_a_call_alive_beyond_its_lease(bus):
    *_, result = await dispatch(bus, "renewed", seconds=LEASE_S * 1.5)
    assert isinstance(result, Result)


async def test_closing_a_dispatch_stops_the_work(bus, journal):
    events = start(bus, "dropped", seconds=60.0)
    async with aclosing(events):
        await anext(events)
        await journal.wait_for("started dropped")
    await journal.wait_for("cancelled dropped")


async def test_deadline_is_kept_by_the_worker(scripted, journal):
    bus = make_bus(scripted, timeout_s=5.0, grace_s=PATIENCE_S)
    *_, failed = await dispatch(bus, "late", seconds=60.0)
    assert failed.code == "deadline"
    await journal.wait_for("cancelled late")
    await bus.close()


async def test_full_queue_refuses_and_the_waiting_call_gets_its_turn(bus, journal, scripted):
    running = [start(bus, f"busy-{n}", seconds=60.0) for n in range(2)]
    for n, events in enumerate(running):
        await anext(events)
        await journal.wait_for(f"started busy-{n}")
    patient = asyncio.create_task(dispatch(bus, "patient"))
    await waiting(scripted, 1)
    (failed,) = await dispatch(bus, "refused")
    assert failed.code == "queue_full" and failed.retryable
    assert "concurrency" in failed.message and "queue_limit=1" in failed.message
    stats = await scripted.record_autoscaling_stats.remote()
    assert stats == {"running": 2.0, "waiting": 1.0}
    for events in running:
        await events.aclose()
    *_, result = await patient
    assert result.text == "worked"
    assert "started refused" not in journal.lines()


async def test_a_caller_that_leaves_the_queue_is_never_served(bus, journal, scripted):
    running = [start(bus, f"owner-{n}", seconds=60.0) for n in range(2)]
    for n, events in enumerate(running):
        await anext(events)
        await journal.wait_for(f"started owner-{n}")
    queued = asyncio.create_task(dispatch(bus, "impatient"))
    await waiting(scripted, 1)
    queued.cancel()
    await waiting(scripted, 0)
    for events in running:
        await events.aclose()
    *_, result = await dispatch(bus, "next")
    assert result.text == "worked"
    assert "started impatient" not in journal.lines()


async def test_waiting_for_a_slot_counts_towards_the_deadline(bus, scripted, journal):
    running = [start(bus, f"holder-{n}", seconds=60.0) for n in range(2)]
    for n, events in enumerate(running):
        await anext(events)
        await journal.wait_for(f"started holder-{n}")
    hasty = make_bus(scripted, timeout_s=5.0, grace_s=PATIENCE_S)
    (failed,) = await dispatch(hasty, "hasty")
    assert failed.code == "deadline" and "is busy" in failed.message
    assert "started hasty" not in journal.lines()
    for events in running:
        await events.aclose()
    await hasty.close()


@ray.remote(num_cpus=0)
class Caller:
    """A process that calls the augmentation and can be killed while it waits."""

    def __init__(self, handle):
        # A deadline far off: only the lease can stop the work in time.
        self.bus = make_bus(handle, timeout_s=600.0)

    async def call(self, name):
        return await dispatch(self.bus, name, seconds=600.0)


async def test_work_stops_when_its_caller_is_killed(scripted, journal):
    caller = Caller.remote(scripted)
    reply = caller.call.remote("orphan")
    await journal.wait_for("started orphan")
    await asyncio.sleep(LEASE_S * 1.5)
    assert "cancelled orphan" not in journal.lines(), "a living caller renews"
    ray.kill(caller)
    with pytest.raises(ray.exceptions.RayActorError):
        await reply
    await journal.wait_for("cancelled orphan")
    assert "finished orphan" not in journal.lines()


async def test_calls_that_ignore_cancellation_make_the_replica_unhealthy(scripted, tmp_path):
    bus = make_bus(scripted, timeout_s=3.0)
    end = tmp_path / "end"
    await scripted.check_health.remote()
    try:
        *_, failed = await dispatch(bus, "stuck", ignore_cancellation_until=str(end))
        assert failed.code == "deadline", "the caller does not wait for the worker"
        with pytest.raises(RuntimeError, match="ignore cancellation"):
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    await scripted.check_health.remote()
                    await asyncio.sleep(0.05)
    finally:
        end.touch()
    await bus.close()


async def test_calls_of_a_worker_that_is_killed_go_out_again_if_they_may(scripted, journal):
    bus = make_bus(scripted, max_attempts=2)
    careful = make_bus(scripted, max_attempts=2, retry=False)
    effect = asyncio.create_task(dispatch(careful, "effect", seconds=60.0))
    await journal.wait_for("started effect")
    events = await dispatch(bus, "phoenix", die_in_attempt=1)
    first, *_, result = events
    assert (first.attempt, result.attempt, result.text) == (1, 2, "worked")
    assert bus.stats.retried == 1
    *_, failed = await effect
    assert (failed.code, failed.attempt) == ("worker_lost", 1)
    assert journal.lines().count("started effect") == 1, "it may have happened"
    assert journal.lines().count("started phoenix") == 2
    await bus.close()
    await careful.close()
