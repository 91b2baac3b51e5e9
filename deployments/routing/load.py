"""What a replica reports to those that route requests to it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class ReplicaLoad:
    """One report.

    Attributes:
        number: Which report of its replica this is: a number that stands still is old news.
        active: Requests that generate or wait to; not those that wait for augmentations.
        slots: Requests that can generate at a time.
        held_share: Share of the device's KV cache that contexts hold, those of waiting
            requests included; what is only cached counts as free.
        room: Requests more that it takes, and lets wait for augmentations.
        failed: Whether the engine has died.
    """

    number: int
    active: int
    slots: int
    held_share: float
    room: int
    failed: bool = False

    def pressure(self, more_active: int = 0) -> float:
        """How loaded the engine is, with so many requests more than it has told of."""
        return self.held_share + (self.active + more_active) / self.slots

    def is_full(self, more: int = 0) -> bool:
        """Whether it would refuse one, with so many requests more than it has told of."""
        return more >= self.room

    def to_stats(self) -> dict[str, Any]:
        """As Ray Serve carries it, in ``RunningReplica.routing_stats``."""
        return asdict(self)

    @classmethod
    def from_stats(cls, stats: Mapping[str, Any]) -> Self | None:
        """The inverse; None where there is no report yet, or one of another version."""
        try:
            return cls(**stats)
        except TypeError:
            return None
