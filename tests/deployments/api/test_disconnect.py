import asyncio

import pytest

from deployments.api.disconnect import DisconnectOnCancel

PATIENCE_S = 30.0
SCOPE = {"type": "http"}


class WorkingApp:
    """Works in a task of its own until it receives a disconnect, as vLLM does."""

    def __init__(self):
        self.started, self.stopped = asyncio.Event(), asyncio.Event()
        self.received = []

    async def __call__(self, scope, receive, send):
        work = asyncio.create_task(self._work())
        while (message := await receive())["type"] != "http.disconnect":
            self.received.append(message)
        work.cancel()

    async def _work(self):
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()


def body_then_silence():
    messages = iter([{"type": "http.request", "body": b"{}"}])

    async def receive():
        for message in messages:
            return message
        await asyncio.Event().wait()

    return receive


async def send(message):
    raise AssertionError("nobody listens")


async def test_a_cancelled_request_is_a_client_that_left():
    app = WorkingApp()
    call = asyncio.create_task(DisconnectOnCancel(app)(SCOPE, body_then_silence(), send))
    async with asyncio.timeout(PATIENCE_S):
        await app.started.wait()
        call.cancel()
        await asyncio.wait({call})
        await app.stopped.wait()
    assert call.cancelled()
    assert app.received == [{"type": "http.request", "body": b"{}"}]
    assert len(asyncio.all_tasks()) == 1


async def test_messages_and_responses_pass_through():
    sent = []

    async def app(scope, receive, send):
        assert (await receive())["body"] == b"{}"
        await send({"type": "http.response.start", "status": 200})

    async def collect(message):
        sent.append(message)

    await DisconnectOnCancel(app)(SCOPE, body_then_silence(), collect)
    assert sent == [{"type": "http.response.start", "status": 200}]


async def test_errors_pass_through():
    async def app(scope, receive, send):
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        await DisconnectOnCancel(app)(SCOPE, body_then_silence(), send)


async def test_other_protocols_are_left_alone():
    receive = body_then_silence()

    async def app(scope, given_receive, given_send):
        assert (given_receive, given_send) == (receive, send)

    await DisconnectOnCancel(app)({"type": "lifespan"}, receive, send)
