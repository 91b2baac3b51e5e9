"""What stands before the app of a replica: who answers, and whether anybody can."""

from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REPLICA_HEADER = "X-InferCept-Replica"
"""Names the replica that answers, as Ray Serve's logs do."""

RETRY_AFTER_S = "1"

_DEAD = JSONResponse(
    {
        "error": {
            "message": "the engine of this replica has died, and another takes its place; "
            "send the request again",
            "type": "ServiceUnavailableError",
            "param": None,
            "code": int(HTTPStatus.SERVICE_UNAVAILABLE),
        }
    },
    HTTPStatus.SERVICE_UNAVAILABLE,
    {"Retry-After": RETRY_AFTER_S},
)


class EngineGate:
    """ASGI middleware: names the replica in each response; refuses when its engine is dead.

    Args:
        app: What serves the requests.
        replica: The replica's unique id.
        is_dead: Whether its engine has died.

    Attributes:
        open: Requests that have not been answered to the end.
    """

    def __init__(self, app: ASGIApp, replica: str, is_dead: Callable[[], bool]) -> None:
        self.open = 0
        self._app = app
        self._replica = replica
        self._is_dead = is_dead

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REPLICA_HEADER] = self._replica
            await send(message)

        self.open += 1
        try:
            await (_DEAD if self._is_dead() else self._app)(scope, receive, named)
        finally:
            self.open -= 1
