"""The router as Ray Serve drives it, between replicas that only say how long their queue is."""

import asyncio

import pytest
from ray.serve._private.common import DeploymentHandleSource, DeploymentID, RequestMetadata
from ray.serve.request_router import PendingRequest, ReplicaID

from deployments.routing.hint import RouteHint
from deployments.routing.load import ReplicaLoad
from deployments.routing.session_router import SessionRouter

PATIENCE_S = 30.0
DEPLOYMENT = DeploymentID(name="LLMReplica", app_name="app")


class Replica:
    """Reports, and says how long its queue is."""

    node_id = "node"
    max_ongoing_requests = 4

    def __init__(self, name, held_share=None, queue_len=0):
        self.replica_id = ReplicaID(unique_id=name, deployment_id=DEPLOYMENT)
        self.queue_len = queue_len
        self.routing_stats = {}
        if held_share is not None:
            self.routing_stats = ReplicaLoad(1, 0, 10, held_share, room=10).to_stats()

    async def get_queue_len(self, *, deadline_s):
        return self.queue_len


@pytest.fixture
def router():
    router = SessionRouter(
        deployment_id=DEPLOYMENT,
        handle_source=DeploymentHandleSource.REPLICA,
        self_node_id="node",
        prefer_local_node_routing=True,
    )
    router.queue_len_response_deadline_s = PATIENCE_S
    router.initialize_state(pass_over=0.5, report_period_s=PATIENCE_S)
    return router


def request(*args, session_id="", nth=0):
    metadata = RequestMetadata(
        request_id=f"r{nth}", internal_request_id=f"i{nth}", session_id=session_id
    )
    return PendingRequest(args=list(args), kwargs={}, metadata=metadata)


async def sent(router, pending):
    """The replica that gets a request from Serve's proxy."""
    async with asyncio.timeout(PATIENCE_S):
        replica = await router._choose_replica_for_request(pending)
    router.on_request_routed(pending, replica.replica_id, None)
    return replica.replica_id.unique_id


async def told(router, hint):
    """The replica that HAProxy is told of."""
    ((first,), *_) = await router.choose_replicas(router._replicas_list, request(hint))
    return first.replica_id.unique_id


async def test_a_proxys_requests_stick_by_the_header(router):
    router.update_replicas([Replica("a", 0.0), Replica("b", 0.4)])
    assert await sent(router, request(session_id="s")) == "a"
    router.update_replicas([Replica("a", 0.4), Replica("b", 0.0)])
    assert await sent(router, request(session_id="s")) == "a"
    assert await sent(router, request()) == "b"


async def test_a_full_replica_hands_on_its_sessions(router):
    router.update_replicas([Replica("a", 0.0, queue_len=4), Replica("b", 0.4)])
    assert await sent(router, request(session_id="s")) == "b"
    router.update_replicas([Replica("a", 0.0), Replica("b", 0.4)])
    assert await sent(router, request(session_id="s")) == "b", "it is held there now"


async def test_requests_that_wait_at_a_time_each_get_their_own(router):
    router.update_replicas([Replica("a", 0.0), Replica("b", 0.0)])
    first = {name: await sent(router, request(session_id=name)) for name in "stuvw"}
    again = [sent(router, request(session_id=name, nth=n)) for n, name in enumerate(first)]
    assert await asyncio.gather(*again) == list(first.values())


async def test_haproxy_is_told_the_holder(router):
    router.update_replicas([Replica("a", 0.0), Replica("b", 0.4)])
    assert await told(router, RouteHint(keys=(b"one",))) == "a"
    router.update_replicas([Replica("a", 0.4), Replica("b", 0.0)])
    assert await told(router, RouteHint(keys=(b"two", b"one"))) == "a"
    assert await told(router, RouteHint()) == "b"


async def test_the_next_request_of_a_drained_holder_goes_elsewhere(router):
    router.update_replicas([Replica("a", 0.0), Replica("b", 0.4)])
    assert await sent(router, request(session_id="s")) == "a"
    router.update_replicas([Replica("b", 0.4)])
    assert await sent(router, request(session_id="s")) == "b"


async def test_a_holder_whose_actor_died_is_not_asked_again(router):
    a, b = Replica("a", 0.0), Replica("b", 0.4)
    router.update_replicas([a, b])
    assert await sent(router, request(session_id="s")) == "a"
    router.on_replica_actor_died(a.replica_id)
    assert await sent(router, request(session_id="s")) == "b"


async def test_reports_of_another_version_are_as_none(router):
    odd = Replica("odd")
    odd.routing_stats = {"version": 7}
    router.update_replicas([odd, Replica("silent")])
    assert {await told(router, RouteHint()) for _ in range(20)} == {"odd", "silent"}


async def test_without_replicas_nobody_is_chosen(router):
    assert await router.choose_replicas([], request()) == []
