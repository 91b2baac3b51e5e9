"""An augmentation that tells when it began and when it ended."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import ClassVar, NamedTuple

from augment_workers.base import Augmentation, PoolDefaults
from intercept_core.bus.messages import Call, Event


class Stamps(NamedTuple):
    """Two moments in a worker, on the monotonic clock that all processes of a machine share."""

    began_s: float
    ended_s: float

    @classmethod
    def of(cls, result: str) -> "Stamps":
        """Those in a result."""
        return cls(*json.loads(result))


class Stamped(Augmentation):
    """Waits as long as it is told and returns its :class:`Stamps`."""

    kind = "stamped"
    description = "Waits."
    parameters: ClassVar = {
        "type": "object",
        "properties": {"seconds": {"type": "number", "minimum": 0}},
        "required": ["seconds"],
        "additionalProperties": False,
    }
    typical_duration_s = 0.5
    defaults = PoolDefaults(concurrency=256)

    async def run(self, call: Call) -> AsyncIterator[Event]:
        began_s = time.monotonic()
        await asyncio.sleep(call.arguments["seconds"])
        yield call.result(json.dumps(Stamps(began_s, time.monotonic())))
