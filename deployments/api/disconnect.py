"""Makes a cancelled request look like a client that left."""

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAVE_TIMEOUT_S = 5.0
"""Seconds that the app has to notice before it is cancelled itself."""


class DisconnectOnCancel:
    """ASGI middleware: when its task is cancelled, the app receives ``http.disconnect``.

    Ray Serve cancels the task of a request whose client has gone. vLLM runs a request in a
    task of its own, which it stops when it receives ``http.disconnect``, but which goes on,
    with nobody to answer, when only the task that waits for it is cancelled.

    Args:
        app: What serves the requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left = asyncio.get_running_loop().create_future()
        serving = asyncio.ensure_future(self._app(scope, _until(left, receive), send))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            if not serving.done():
                left.set_result(None)
                await _end(serving)
            raise


def _until(left: "asyncio.Future[None]", receive: Receive) -> Receive:
    """``receive``, until ``left`` is done; then the message that the client has gone."""

    async def receive_or_leave() -> Message:
        if left.done():
            return {"type": "http.disconnect"}
        message = asyncio.ensure_future(receive())
        first: set[asyncio.Future[Any]] = {message, left}
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": "http.disconnect"}
        finally:
            message.cancel()

    return receive_or_leave


async def _end(serving: "asyncio.Future[None]") -> None:
    try:
        async with asyncio.timeout(LEAVE_TIMEOUT_S):
            await asyncio.wait({serving})
    except TimeoutError:
        serving.cancel()
    else:
        serving.exception()  # there is nobody to tell
