"""An augmentation that does what its arguments say; replicas of the tests import it."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import ClassVar

from augment_workers.base import Augmentation


class Scripted(Augmentation):
    """Works ``seconds``, or until a file is there, and notes in a journal how calls ended."""

    kind = "scripted"
    description = "For tests."
    parameters: ClassVar = {
        "type": "object",
        "properties": {
            "seconds": {"type": "number"},
            "die_in_attempt": {"type": "integer"},
            "ignore_cancellation_until": {"type": "string"},
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
            if file := arguments.get("ignore_cancellation_until"):
                await self._ignore_cancellation_until(Path(file))
            await asyncio.sleep(arguments.get("seconds", 0.0))
        except asyncio.CancelledError:
            self._note("cancelled", call)
            raise
        self._note("finished", call)
        yield call.result("worked")

    async def close(self):
        with self._journal.open("a") as journal:
            journal.write("closed\n")

    async def _ignore_cancellation_until(self, file):
        while not file.exists():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.02)

    def _note(self, what, call):
        with self._journal.open("a") as journal:
            journal.write(f"{what} {call.session_id}\n")
