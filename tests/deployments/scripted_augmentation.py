"""An augmentation that does what its arguments say; replicas of the tests import it."""

import asyncio
import os
import signal
from pathlib import Path
from typing import ClassVar

from augment_workers.base import Augmentation


class Scripted(Augmentation):
    """Works ``seconds`` in small steps and notes in a journal how each call ended."""

    kind = "scripted"
    description = "For tests."
    parameters: ClassVar = {
        "type": "object",
        "properties": {
            "seconds": {"type": "number"},
            "die_in_attempt": {"type": "integer"},
            "ignore_cancellation": {"type": "boolean"},
        },
        "additionalProperties": False,
    }
    typical_duration_s = 0.1

    def __init__(self, journal: str):
        self._journal = Path(journal)

    async def run(self, call):
        arguments = call.arguments
        self._note("started", call)
        if arguments.get("die_in_attempt") == call.attempt:
            yield call.progress(fraction=0.0)
            await asyncio.sleep(0.2)
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            yield call.progress(fraction=0.5, eta_s=arguments.get("seconds", 0.0))
            await self._work(call)
        except asyncio.CancelledError:
            self._note("cancelled", call)
            raise
        self._note("finished", call)
        yield call.result("worked")

    async def close(self):
        with self._journal.open("a") as journal:
            journal.write("closed\n")

    async def _work(self, call):
        loop = asyncio.get_running_loop()
        end = loop.time() + call.arguments.get("seconds", 0.0)
        while loop.time() < end:
            try:
                await asyncio.sleep(end - loop.time())
            except asyncio.CancelledError:
                if not call.arguments.get("ignore_cancellation"):
                    raise

    def _note(self, what, call):
        with self._journal.open("a") as journal:
            journal.write(f"{what} {call.session_id}\n")
