"""Ray Serve's way to the engines."""

from typing import Any

from ray.serve.request_router import (
    PendingRequest,
    ReplicaID,
    RequestRouter,
    RunningReplica,
)

from deployments.routing.hint import RouteHint
from deployments.routing.load import ReplicaLoad
from deployments.routing.placement import Placement
from deployments.routing.section import RoutingSection


class SessionRouter(RequestRouter):
    """Sends requests where their context is, as :class:`Placement` says.

    A request whose first argument is a :class:`RouteHint` is only to be told a replica, and
    then goes there by itself; any other is known by the session in its metadata, which Serve's
    proxies take from the header ``x-session-id``. Set it as
    ``request_router_config.request_router_class`` of the engines' deployment, with a
    ``RoutingSection`` as the ``request_router_kwargs``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initialize_state()

    def initialize_state(self, **kwargs: Any) -> None:
        """Takes the ``request_router_kwargs`` of the deployment."""
        section = RoutingSection(**kwargs)
        self._placement = Placement(section.pass_over, section.report_period_s)

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        """Serve calls this when replicas come, go or report."""
        super().update_replicas(replicas)
        self._placement.update(
            {
                one.replica_id.unique_id: ReplicaLoad.from_stats(one.routing_stats)
                for one in replicas
            }
        )

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        if not candidate_replicas:
            return []
        hint, only_told = _hint(pending_request)
        if pending_request is not None:
            # Otherwise Serve asks full replicas again and again without a pause.
            pending_request.routing_context.should_backoff = True
        by_id = {one.replica_id.unique_id: one for one in candidate_replicas}
        ranked = self._placement.rank(list(by_id), hint)
        if only_told:
            self._placement.sent(ranked[0], hint)
        # A rank each: the next is asked when the one before takes no more.
        return [[by_id[replica]] for replica in ranked]

    def on_request_routed(
        self, pending_request: PendingRequest, replica_id: ReplicaID, result: Any
    ) -> None:
        """Serve calls this when a replica has taken a request."""
        self._placement.sent(replica_id.unique_id, _hint(pending_request)[0])


def _hint(request: PendingRequest | None) -> tuple[RouteHint, bool]:
    """What a request tells of itself, and whether its replica is only to be told."""
    if request is None:
        return RouteHint(), False
    first = next(iter(request.args), None)
    if isinstance(first, RouteHint):
        return first, True
    return RouteHint(request.metadata.session_id), False
