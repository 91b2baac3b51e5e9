"""Which replica holds which context, as far as this process has seen."""

from collections import OrderedDict
from collections.abc import Collection, Iterable

from deployments.routing.hint import Key

CAPACITY = 50_000
"""Contexts that are remembered; about 10 MB."""


class HolderTable:
    """A bounded table from keys of contexts to replicas; what was not used longest goes.

    Args:
        capacity: Keys to remember.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._holders: OrderedDict[Key, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._holders)

    def remember(self, keys: Iterable[Key], replica: str) -> None:
        """Notes that ``replica`` has the contexts ``keys``."""
        for key in keys:
            self._holders[key] = replica
            self._holders.move_to_end(key)
        while len(self._holders) > self._capacity:
            self._holders.popitem(last=False)

    def find(self, keys: Iterable[Key], among: Collection[str]) -> str | None:
        """The holder of the first of ``keys`` that one of ``among`` holds."""
        for key in keys:
            if (replica := self._holders.get(key)) is not None and replica in among:
                self._holders.move_to_end(key)
                return replica
        return None
