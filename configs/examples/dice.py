"""The augmentation of python.yaml."""

import random
from collections.abc import AsyncIterator

from augment_workers.base import Augmentation, AugmentationError
from intercept_core.bus.messages import Call, Event


class Dice(Augmentation):
    """Rolls dice.

    Args:
        seed: Makes the rolls the same each time; chance if not given.
        max_sides: Most sides of a die.
    """

    kind = "dice"
    description = "Rolls dice and returns what they show."
    parameters = {  # noqa: RUF012
        "type": "object",
        "properties": {
            "number": {"type": "integer", "minimum": 1, "maximum": 20},
            "sides": {"type": "integer", "minimum": 2},
        },
        "required": ["number"],
        "additionalProperties": False,
    }
    typical_duration_s = 0.001

    def __init__(self, seed: int | None = None, max_sides: int = 100) -> None:
        self._random = random.Random(seed)
        self._max_sides = max_sides

    async def run(self, call: Call) -> AsyncIterator[Event]:
        """Yields the numbers."""
        sides = call.arguments.get("sides", 6)
        if sides > self._max_sides:
            raise AugmentationError(f"a die has {self._max_sides} sides at most, not {sides}")
        rolls = [self._random.randint(1, sides) for _ in range(call.arguments["number"])]
        yield call.progress(fraction=0.5)
        yield call.result(" ".join(map(str, rolls)))
