"""How many users there are at what time."""

from dataclasses import dataclass
from typing import Literal, get_args

ShapeName = Literal["steady", "step", "spike"]
SHAPES: tuple[ShapeName, ...] = get_args(ShapeName)

SPIKE_SHARE = 0.2
"""Share of an interval that a spike lasts."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The number of users over time.

    Attributes:
        name: ``steady``: always ``users``. ``step``: more in every interval, until there are
            ``peak``. ``spike``: in the middle of every interval there are ``peak`` for a while.
        users: How many there are at the start.
        peak: The most that there are.
        interval_s: Length of a step, or time between spikes.
        steps: Steps from ``users`` to ``peak``.
    """

    name: ShapeName = "steady"
    users: int = 1
    peak: int = 4
    interval_s: float = 30.0
    steps: int = 4

    def users_at(self, time_s: float) -> int:
        """How many there are, some seconds after the start."""
        intervals = time_s / self.interval_s
        match self.name:
            case "steady":
                return self.users
            case "step":
                step = min(int(intervals), self.steps)
                return self.users + round((self.peak - self.users) * step / self.steps)
            case "spike":
                from_middle = abs(intervals % 1 - 0.5)
                return self.peak if from_middle < SPIKE_SHARE / 2 else self.users
