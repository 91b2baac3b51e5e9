"""Routes messages about a call to the replica that holds the call."""

import asyncio
import hashlib
from typing import Any
from weakref import WeakKeyDictionary

from ray.serve._private.common import RequestMetadata
from ray.serve._private.request_router.pow_2_router import PowerOfTwoChoicesRequestRouter
from ray.serve.exceptions import ReplicaUnavailableError
from ray.serve.request_router import PendingRequest, RunningReplica


class PinnedRouter(PowerOfTwoChoicesRequestRouter):
    """Power of two choices for calls; one certain replica for renewals and cancellations.

    A message whose first argument has an attribute ``worker`` goes to the replica of that
    unique id. Set it as ``request_router_config.request_router_class`` of every deployment
    that hosts an augmentation; with ``request_router_kwargs={"by_session": True}`` all calls
    of a session go to one replica, as long as it lives and no other takes its place.

    Raises:
        ReplicaUnavailableError: to the sender of a pinned message whose replica is gone.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._by_session = False
        self._request_of: WeakKeyDictionary[asyncio.Task[Any], PendingRequest] = (
            WeakKeyDictionary()
        )

    def initialize_state(self, **kwargs: Any) -> None:
        """Takes the ``request_router_kwargs`` of the deployment."""
        self._by_session = bool(kwargs.get("by_session", False))

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        worker = session_id = None
        if pending_request is not None:
            message = next(iter(pending_request.args), None)
            worker = getattr(message, "worker", None)
            if worker is None and self._by_session:
                session_id = getattr(message, "session_id", None)
            self._request_of[_this_task()] = pending_request
        if pending_request is not None and session_id is not None and candidate_replicas:
            pending_request.routing_context.should_backoff = True
            return [[max(candidate_replicas, key=lambda one: _affinity(session_id, one))]]
        if pending_request is None or worker is None:
            return await super().choose_replicas(candidate_replicas, pending_request)
        # Otherwise Serve asks a full replica again and again without a pause.
        pending_request.routing_context.should_backoff = True
        pinned = [r for r in candidate_replicas if r.replica_id.unique_id == worker]
        if pinned:
            return [pinned]
        # Waiting would be wrong twice: a replica's id never comes back, and there are only
        # two routing tasks per replica, which calls would have to wait for meanwhile.
        if not pending_request.future.done():
            pending_request.future.set_exception(ReplicaUnavailableError(worker))
        # The routing task looks at the future only when it is given candidates.
        return [candidate_replicas]

    def _fulfill_next_pending_request(
        self, replica: RunningReplica, request_metadata: RequestMetadata | None = None
    ) -> None:
        """Gives ``replica`` to the request that it was chosen for.

        Upstream gives it to the oldest request in the queue, which for pinned messages is
        the wrong one, and its own exact match goes by an id that all calls made on behalf
        of one HTTP request share.
        """
        request = self._request_of.get(_this_task())
        if request is None:
            super()._fulfill_next_pending_request(replica, request_metadata)
        elif not request.future.done():
            self._record_queue_wait_time(request)
            request.future.set_result(replica)
            self._remove_pending_request_from_indices(request)


def _affinity(session_id: str, replica: RunningReplica) -> bytes:
    """Highest random weight: a replica that comes or goes moves no other's sessions."""
    return hashlib.sha256(f"{session_id}/{replica.replica_id.unique_id}".encode()).digest()


def _this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None, "Serve routes in tasks of its own"
    return task
