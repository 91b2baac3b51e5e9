"""The router alone, between replicas whose answers the test times."""

import asyncio
import time

import pytest
from calls import make_call
from ray.serve._private.common import DeploymentHandleSource, DeploymentID, RequestMetadata
from ray.serve.exceptions import ReplicaUnavailableError
from ray.serve.request_router import PendingRequest, ReplicaID

from intercept_core.bus.messages import Renewal
from intercept_core.bus.pinned_router import PinnedRouter

PATIENCE_S = 30.0
DEPLOYMENT = DeploymentID(name="tool", app_name="app")


class Replica:
    """Says how long its queue is once it may."""

    node_id = "node"
    availability_zone = None
    multiplexed_model_ids = frozenset()
    max_ongoing_requests = 100

    def __init__(self, name):
        self.replica_id = ReplicaID(unique_id=name, deployment_id=DEPLOYMENT)
        self.may_answer = asyncio.Event()

        self.probes = 0
        self.full_probes = 0

    async def get_queue_len(self, *, deadline_s):
        await self.may_answer.wait()
        self.probes += 1
        return self.max_ongoing_requests if self.probes <= self.full_probes else 0


def make_router(*replicas):
    router = PinnedRouter(
        deployment_id=DEPLOYMENT, handle_source=DeploymentHandleSource.REPLICA
    )
    router.queue_len_response_deadline_s = PATIENCE_S
    router.update_replicas(list(replicas))
    return router


def route(router, message, nth):
    # One HTTP request's calls all carry its id.
    metadata = RequestMetadata(request_id=f"r{nth}", internal_request_id="shared")
    request = PendingRequest(args=[message], kwargs={}, metadata=metadata)
    return asyncio.create_task(router._choose_replica_for_request(request))


def renewal_for(worker):
    return Renewal(worker=worker, call_ids=("c",), lease_s=1.0)


async def test_a_late_replica_is_not_replaced_by_one_that_answers_first():
    slow, fast = Replica("slow"), Replica("fast")
    router = make_router(slow, fast)
    to_slow = route(router, renewal_for("slow"), 1)
    to_fast = route(router, renewal_for("fast"), 2)
    fast.may_answer.set()
    async with asyncio.timeout(PATIENCE_S):
        assert await to_fast is fast
        assert not to_slow.done()
        slow.may_answer.set()
        assert await to_slow is slow


async def test_a_vanished_replica_is_an_error_at_once_and_holds_no_call_up():
    replica = Replica("here")
    replica.may_answer.set()
    router = make_router(replica)
    lost = [route(router, renewal_for("gone"), n) for n in range(10)]
    call = route(router, make_call(), 11)
    async with asyncio.timeout(PATIENCE_S):
        assert await call is replica
        for task in lost:
            with pytest.raises(ReplicaUnavailableError, match="gone"):
                await task


async def test_a_full_replica_is_asked_again_after_a_pause():
    replica = Replica("full")
    replica.may_answer.set()
    router = make_router(replica)
    router.update_backoff_params(0.05, 1.0, 0.05)
    await asyncio.sleep(0)
    replica.full_probes = 6
    started_at = time.monotonic()
    async with asyncio.timeout(PATIENCE_S):
        assert await route(router, renewal_for("full"), 1) is replica
    assert time.monotonic() - started_at >= 0.1


async def test_calls_go_to_any_replica():
    replicas = [Replica("a"), Replica("b")]
    for replica in replicas:
        replica.may_answer.set()
    router = make_router(*replicas)
    async with asyncio.timeout(PATIENCE_S):
        chosen = await asyncio.gather(*(route(router, make_call(), n) for n in range(64)))
    assert set(chosen) == set(replicas)


async def test_a_session_keeps_its_replica_until_that_is_gone():
    replicas = [Replica(name) for name in "abc"]
    for replica in replicas:
        replica.may_answer.set()
    router = make_router(*replicas)
    router.initialize_state(by_session=True)
    sessions = [f"s{number}" for number in range(32)]

    async def place():
        async with asyncio.timeout(PATIENCE_S):
            chosen = (
                route(router, make_call(session_id=name), n) for n, name in enumerate(sessions)
            )
            return dict(zip(sessions, await asyncio.gather(*chosen), strict=True))

    before = await place()
    assert await place() == before
    assert set(before.values()) == set(replicas)
    router.update_replicas(replicas[:2])
    after = await place()
    assert all(after[name] is before[name] for name in sessions if before[name] in replicas[:2])
    assert set(after.values()) == set(replicas[:2])
