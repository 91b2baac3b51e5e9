"""Games in two real workers of a local Ray, called over the bus."""

import asyncio
import time

import psutil
import pytest
from ray import serve
from ray.serve.config import RequestRouterConfig

from augment_workers.alfworld.augmentation import WON
from augment_workers.alfworld.searcher import Searcher
from deployments.pools.augmentation import AugmentationWorker
from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.messages import Result
from intercept_core.bus.pinned_router import PinnedRouter
from intercept_core.bus.route import Route
from intercept_core.bus.serve import ServeTransport

PATIENCE_S = 100.0


def hosts():
    """The processes that have loaded TextWorld for a worker of Ray."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "ppid"])
        if "augment_workers.alfworld.host" in (process.info["cmdline"] or ())
        and "ray::" in " ".join(parent_of(process))
    ]


def parent_of(process):
    try:
        return psutil.Process(process.info["ppid"]).cmdline()
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
async def bus(ray_session):
    deployment = serve.deployment(AugmentationWorker).options(
        name="alfworld",
        num_replicas=2,
        max_ongoing_requests=1000,
        ray_actor_options={"num_cpus": 0},
        request_router_config=RequestRouterConfig(
            request_router_class=PinnedRouter, request_router_kwargs={"by_session": True}
        ),
        graceful_shutdown_timeout_s=10.0,
        graceful_shutdown_wait_loop_s=0.1,
    )
    app = deployment.bind("alfworld", {}, 8, 8, 4000)
    handle = serve.run(app, name="alfworld", route_prefix=None)
    route = Route(
        transport=ServeTransport({"alfworld": handle}),
        timeout_s=PATIENCE_S,
        lease_s=PATIENCE_S,
        max_attempts=1,
    )
    bus = InterceptBus({"alfworld": route})
    yield bus
    await bus.close()
    serve.delete("alfworld")


async def do(bus, session_id, action):
    events = bus.dispatch(
        "alfworld", {"action": action}, request_id=session_id, session_id=session_id
    )
    *_, last = [event async for event in events]
    assert isinstance(last, Result), last
    return last.text


async def play(bus, session_id):
    """Plays a game until it is won."""
    text = await do(bus, session_id, "start")
    searcher = Searcher(text)
    while not text.endswith(WON):
        text = await do(bus, session_id, searcher.move().command)
        searcher.observe(text)


async def test_games_stay_where_they_began_and_no_process_outlives_its_worker(bus):
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(play(bus, f"player-{n}") for n in range(6)))
    there = hosts()
    assert len(there) == 2
    await asyncio.gather(*(do(bus, f"left-{n}", "start") for n in range(4)))
    async with asyncio.timeout(PATIENCE_S):
        # The processes of the games that were won need a moment to end.
        while len(games := [game for host in there for game in host.children()]) != 4:
            await asyncio.sleep(0.05)
    processes = games + there
    for host in there:
        psutil.Process(host.info["ppid"]).kill()
    due_s = time.monotonic() + PATIENCE_S
    while [process for process in processes if process.is_running()]:
        assert time.monotonic() < due_s
        await asyncio.sleep(0.05)
