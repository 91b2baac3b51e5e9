"""A bus on virtual time, and workers that do what a test says."""

import asyncio

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.route import Route


class RecordingTransport(InMemoryTransport):
    """In memory, and notes the renewals with the time they came."""

    def __init__(self, handlers, renew=None):
        super().__init__(handlers)
        self.renewals = []
        self.renew_hook = renew
        self.closed = 0

    async def renew(self, kind, renewal):
        self.renewals.append((asyncio.get_running_loop().time(), kind, renewal))
        if self.renew_hook is not None:
            await self.renew_hook()

    async def close(self):
        self.closed += 1
        await super().close()


def make_bus(transport, *kinds, **changes):
    options = {"timeout_s": 10.0, "lease_s": 3.0}
    bus_options = {k: changes.pop(k) for k in list(changes) if k in ("eta_sink", "new_id")}
    routes = {k: Route(transport=transport, **(options | changes)) for k in kinds or ["tool"]}
    loop = asyncio.get_running_loop()
    return InterceptBus(routes, clock=loop.time, **bus_options)


async def dispatch(bus, kind="tool", request_id="r1"):
    events = bus.dispatch(kind, {"x": 1}, request_id=request_id, session_id="s1")
    return [event async for event in events]


async def hang():
    await asyncio.Event().wait()


class Worker:
    """A handler that plays one script per attempt and notes what became of it."""

    def __init__(self, *scripts):
        self.scripts = scripts
        self.calls = []
        self.cancelled = 0

    async def __call__(self, call):
        self.calls.append(call)
        try:
            async for event in self.scripts[len(self.calls) - 1](call):
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise


async def answers(call):
    yield call.accepted("w1")
    yield call.result("42")


async def hangs(call):
    yield call.accepted("w1")
    await hang()


def fails(code, *, retryable):
    async def script(call):
        yield call.failed(code, "it broke", retryable=retryable)

    return script
