"""A fake augmentation that does what its arguments say."""

import asyncio
from collections.abc import AsyncIterator

from intercept_core.bus.messages import Artifact, Call, Event


class ScriptedTools:
    """Answers calls of two kinds by their ``do`` argument.

    Attributes:
        started: Set when a call has begun.
        cancelled: Set when a call was cancelled.
    """

    KINDS = ("tool", "other")

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.calls: list[Call] = []

    async def run(self, call: Call) -> AsyncIterator[Event]:
        self.calls.append(call)
        self.started.set()
        yield call.accepted("here")
        match call.arguments.get("do", "answer"):
            case "answer":
                yield call.progress(fraction=0.5, eta_s=0.01)
                text = str(call.arguments.get("text", "84"))
                yield call.result(text * int(call.arguments.get("times", 1)))
            case "file":
                made = Artifact(
                    name="tool-0123456789.txt", content_type="text/plain", size_bytes=1
                )
                yield call.result("filed", artifacts=[made])
            case "raise":
                raise RuntimeError("broken tool")
            case "fail":
                yield call.failed("tool_error", "division by zero")
            case "hang":
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    self.cancelled.set()
                    raise
            case "nothing":
                return
