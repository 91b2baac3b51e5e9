"""Stands in for an engine behind Ray Serve: says who it is, and reports what it is told to."""

import itertools
from typing import Any

from ray import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from deployments.routing.load import ReplicaLoad


@serve.ingress()
class FakeEngine:
    """``GET /`` names the replica; ``POST /`` with a number sets the share that it holds."""

    def __init__(self, *arguments: Any) -> None:
        self._name = serve.get_replica_context().replica_id.unique_id
        self._numbers = itertools.count()
        self._held_share = 0.0

    async def __serve_build_asgi_app__(self) -> Starlette:
        return Starlette(routes=[Route("/", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> JSONResponse:
        if request.method == "POST":
            self._held_share = float(await request.body())
        return JSONResponse({"replica": self._name})

    async def record_routing_stats(self) -> dict[str, Any]:
        return ReplicaLoad(
            number=next(self._numbers),
            active=0,
            slots=100,
            held_share=self._held_share,
            room=100,
        ).to_stats()
