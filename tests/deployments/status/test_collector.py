"""What one replica gathers from all, some of which may be dead, slow or unknown."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from ray.serve.schema import (
    ApplicationStatusOverview,
    DeploymentStatusOverview,
    ServeStatus,
)

from deployments.broadcast import TIMEOUT_S
from deployments.config import ServeConfig
from deployments.replica.llm_replica import STATUS_TIMEOUT_S
from deployments.status.collector import StatusCollector, deployments_of

CONFIG = ServeConfig.model_validate({"model": "m", "scheduler": {"policy": "infercept"}})


def overview(status, message="", **replica_states):
    return DeploymentStatusOverview(
        status=SimpleNamespace(value=status),
        status_trigger="",
        replica_states=replica_states,
        message=message,
    )


SERVE = ServeStatus(
    applications={
        "app": ApplicationStatusOverview(
            status="RUNNING",
            message="",
            last_deployed_time_s=0.0,
            deployments={
                "augmentation-image": overview("UNHEALTHY", "it crashed", STARTING=1),
                "LLMReplica": overview("HEALTHY", RUNNING=2, STOPPING=1),
            },
        )
    }
)


class Handle:
    """Replicas that answer as a test says."""

    deployment_name = "LLMReplica"

    def __init__(self, *answers, error=None):
        self._answers = answers
        self._error = error

    def broadcast(self, method):
        assert method == "engine_status"
        return self

    def results(self, timeout_s, return_exceptions):
        assert return_exceptions and timeout_s > 0
        if self._error is not None:
            raise self._error
        return list(self._answers)


def collector(handle, controller=lambda: SERVE, timeout_s=30.0):
    return StatusCollector(CONFIG, "app", handle, controller, timeout_s)


async def test_all_engines_are_in_it_and_the_dead_are_counted(engine):
    handle = Handle(engine("b"), RuntimeError("it is dead"), engine("a"))
    status = await collector(handle).collect()
    assert (status.application, status.model, status.policy) == ("app", "m", "infercept")
    assert [one.replica for one in status.engines] == ["a", "b"]
    assert status.silent == 1
    assert [one.name for one in status.deployments] == ["LLMReplica", "augmentation-image"]


async def test_replicas_that_cannot_be_found_are_told_of():
    status = await collector(Handle(error=TimeoutError("no replicas"))).collect()
    assert status.engines == []
    assert status.silent == 1


def test_an_engine_that_hangs_is_told_of_before_all_are_given_up():
    assert STATUS_TIMEOUT_S < TIMEOUT_S


async def test_a_controller_that_does_not_answer_leaves_the_engines(engine):
    def broken():
        raise ConnectionError("no controller")

    status = await collector(Handle(engine()), broken).collect()
    assert status.deployments == []
    assert len(status.engines) == 1


async def test_a_controller_that_hangs_leaves_the_threads_of_others_alone(engine):
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    let_go = threading.Event()
    hangs = collector(Handle(engine()), lambda: let_go.wait(60.0) and SERVE, timeout_s=0.1)
    try:
        async with asyncio.timeout(10.0):
            for _ in range(2):
                status = await hangs.collect()
                assert (len(status.engines), status.deployments) == (1, [])
            assert await asyncio.to_thread(lambda: "free") == "free"
    finally:
        let_go.set()


def test_deployments_come_with_their_replicas_by_state():
    replica, image = deployments_of(SERVE, "app")
    assert (replica.status, replica.replicas) == ("HEALTHY", {"RUNNING": 2, "STOPPING": 1})
    assert (image.status, image.message) == ("UNHEALTHY", "it crashed")
    assert deployments_of(SERVE, "another") == []
