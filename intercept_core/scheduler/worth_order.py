"""Contexts by what they are worth, for whoever has to take one."""

import heapq
import itertools
from collections.abc import Callable

from intercept_core.scheduler.parked import Parked


class WorthOrder:
    """A heap whose outdated entries are dropped when they come up.

    Among equal worths the latest to arrive comes first: it delays the fewest others.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, float, int, Parked]] = []
        self._ticket_of: dict[Parked, int] = {}
        self._tickets = itertools.count()

    def push(self, parked: Parked) -> None:
        """Enters ``parked`` with its present worth, in place of any earlier entry."""
        ticket = next(self._tickets)
        self._ticket_of[parked] = ticket
        heapq.heappush(self._heap, (parked.worth, -parked.request.arrival_time, ticket, parked))
        if len(self._heap) > 64 + 4 * len(self._ticket_of):
            self._compact()

    def discard(self, parked: Parked) -> None:
        """Takes ``parked`` out, if it is in."""
        self._ticket_of.pop(parked, None)

    def lowest(self, still_counts: Callable[[Parked], bool]) -> Parked | None:
        """The one of least worth, which stays in; entries that no longer count go."""
        while self._heap:
            _, _, ticket, parked = self._heap[0]
            if self._ticket_of.get(parked) == ticket:
                if still_counts(parked):
                    return parked
                del self._ticket_of[parked]
            heapq.heappop(self._heap)
        return None

    def _compact(self) -> None:
        self._heap = [e for e in self._heap if self._ticket_of.get(e[3]) == e[2]]
        heapq.heapify(self._heap)
