"""Tells HAProxy which engine a request is to go to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from deployments.routing.hint import RouteHint

logger = logging.getLogger("ray.serve")

TIMEOUT_S = 4.0
"""Seconds to find an engine; HAProxy gives up after five."""

SESSION_HEADER = "x-session-id"
TRUNCATED_HEADER = "x-body-truncated"


Choose = Callable[[RouteHint], Awaitable[str]]
"""Gives the full id of a replica."""


def route_app(choose: Choose) -> Starlette:
    """``POST /internal/route`` with the body of a client's request, as HAProxy sends it.

    Args:
        choose: Chooses the replica.
    """

    async def route(request: Request) -> JSONResponse:
        hint = RouteHint.of(
            await request.body(),
            request.headers.get(SESSION_HEADER, ""),
            truncated=TRUNCATED_HEADER in request.headers,
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return JSONResponse({"replica_id": await choose(hint)})
        except Exception as error:  # HAProxy does not pass it on: it belongs in the log
            logger.warning("no engine for a request: %r", error)
            return JSONResponse({"detail": f"no engine: {error!r}"}, status_code=503)

    return Starlette(routes=[Route("/internal/route", route, methods=["POST"])])


@serve.ingress()
class RouteEndpoint:
    """Ray Serve's "ingress request router".

    HAProxy asks it before each POST of a client, and sends the request itself to the replica
    in the answer. This is the way of Ray 2.60, made for Ray's own LLM deployments:
    ``_reserve=False`` has the request router of the engines choose without sending anything.

    Args:
        engines: The engines' deployment, with a
            :class:`~deployments.routing.session_router.SessionRouter`.
    """

    async def __init__(  # type: ignore[misc]  # Ray Serve awaits it
        self, engines: DeploymentHandle[Any]
    ) -> None:
        self._engines = engines
        # Its router hears of replicas from now on; the first request would wait for that.
        self._engines._init()

    async def __serve_build_asgi_app__(self) -> Starlette:
        return route_app(self._choose)

    async def _choose(self, hint: RouteHint) -> str:
        async with self._engines.choose_replica(hint, _reserve=False) as selection:
            return str(selection._replica.replica_id.to_full_id_str())
