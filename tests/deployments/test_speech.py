"""Speech in a Ray Serve replica, called over the bus; what it starts ends with the call."""

import asyncio
from contextlib import aclosing

import psutil
import pytest
from ray import serve
from ray.serve.config import RequestRouterConfig

from augment_workers.artifact_files import ArtifactFiles, ArtifactFolder
from augment_workers.speech import espeak_process
from deployments.pools.augmentation import AugmentationWorker
from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.messages import Failed, Result
from intercept_core.bus.pinned_router import PinnedRouter
from intercept_core.bus.route import Route
from intercept_core.bus.serve import ServeTransport

PATIENCE_S = 60.0
LONG = "One of many sentences that take a while. " * 50_000
PITCH = "37"
"""Nobody else's: tells the processes of these tests from any others."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return ArtifactFolder(
        url=str(tmp_path_factory.mktemp("artifacts")),
        max_bytes=2**30,
        max_artifact_bytes=2**30,
        time_to_live_s=3600.0,
    )


@pytest.fixture(scope="module")
def speech(ray_session, folder):
    deployment = serve.deployment(AugmentationWorker).options(
        name="speech",
        max_ongoing_requests=100,
        ray_actor_options={"num_cpus": 0},
        request_router_config=RequestRouterConfig(request_router_class=PinnedRouter),
        graceful_shutdown_timeout_s=10.0,
        graceful_shutdown_wait_loop_s=0.1,
    )
    options = {"espeak": {"pitch": int(PITCH)}, "max_characters": len(LONG)}
    app = deployment.bind("speech", options, 4, 4, 1000, folder)
    yield serve.run(app, name="speech", route_prefix=None)
    serve.delete("speech")


@pytest.fixture
async def bus(speech):
    route = Route(
        transport=ServeTransport({"speech": speech}),
        timeout_s=PATIENCE_S,
        lease_s=5.0,
        max_attempts=1,
    )
    bus = InterceptBus({"speech": route})
    yield bus
    await bus.close()


def speaking():
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if espeak_process.__file__ in command and PITCH in command:
            found.append(process)
    return found


async def wait_until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.02)


def say(bus, text):
    return bus.dispatch("speech", {"text": text}, request_id="r", session_id="s")


async def test_replicas_speak_at_the_same_time(bus, folder):
    async def listen(text):
        return [event async for event in say(bus, text)][-1]

    async with asyncio.timeout(PATIENCE_S):
        results = await asyncio.gather(*(listen(f"Number {n}.") for n in range(4)))
    assert all(isinstance(result, Result) for result in results)
    assert len({result.artifacts[0].name for result in results}) == 4
    stored = await ArtifactFiles(folder).get(results[0].artifacts[0].name)
    assert stored.content.startswith(b"RIFF")


async def test_a_client_that_leaves_ends_the_process(bus):
    async with aclosing(say(bus, LONG)) as events:
        await anext(events)
        await wait_until(speaking)
    await wait_until(lambda: not speaking())


async def test_the_process_ends_with_its_replica(bus):
    call = asyncio.create_task(_last_event(say(bus, LONG)))
    await wait_until(speaking)
    (process,) = speaking()
    process.parent().kill()
    async with asyncio.timeout(PATIENCE_S):
        last = await call
    assert isinstance(last, Failed)
    assert last.code == "worker_lost"
    await wait_until(lambda: not speaking())


async def _last_event(events):
    async for event in events:
        last = event
    return last
