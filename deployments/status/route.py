"""``GET /v1/status``."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter

from deployments.status.report import ServerStatus
from deployments.status.source import PATH


def status_route(collect: Callable[[], Awaitable[ServerStatus]]) -> APIRouter:
    """The route; it holds counts alone, and nothing of what requests say."""
    router = APIRouter()

    @router.get(PATH)
    async def status() -> ServerStatus:
        return await collect()

    return router
