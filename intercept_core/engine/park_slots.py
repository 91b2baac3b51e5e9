"""How many requests may wait for augmentations at a time."""

from collections.abc import Iterator
from contextlib import contextmanager


class ParkSlots:
    """Counts the waiting requests of one engine.

    Args:
        limit: How many there may be; None for any number.

    Attributes:
        taken: How many there are.
        refused: Calls that found no place.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self.taken = 0
        self.refused = 0

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Takes a place for as long as the context lasts; False if there is none."""
        if self.limit is not None and self.taken >= self.limit:
            self.refused += 1
            yield False
            return
        self.taken += 1
        try:
            yield True
        finally:
            self.taken -= 1
