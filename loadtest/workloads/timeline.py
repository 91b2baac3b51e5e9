"""What happens when to the conversations of a run."""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from intercept_core.scheduler.mixin import InterceptMixin
from loadtest.workloads.conversation import Interception
from loadtest.workloads.etas import Etas
from loadtest.workloads.played import Played


class Moment(NamedTuple):
    """A segment that is asked for, or a report of an augmentation.

    Attributes:
        time_s: When.
        ticket: Tells moments of one time apart, the earlier entry first.
        played: Whose.
        eta_s: What the report says; None for a segment.
    """

    time_s: float
    ticket: int
    played: Played
    eta_s: float | None


class Timeline:
    """Moments in their order.

    Args:
        conversations: Begin at their arrivals.
    """

    def __init__(self, conversations: Sequence[Played]) -> None:
        self._tickets = itertools.count()
        self._moments: list[Moment] = []
        for played in conversations:
            self.at(played.conversation.arrival_s, played)

    def at(self, time_s: float, played: Played, eta_s: float | None = None) -> None:
        """Enters a segment, or a report with ``eta_s``."""
        heapq.heappush(self._moments, Moment(time_s, next(self._tickets), played, eta_s))

    @property
    def next_s(self) -> float:
        """Time of the next moment; infinite if none is left."""
        return self._moments[0].time_s if self._moments else float("inf")

    def intercept(
        self,
        played: Played,
        call: Interception,
        now_s: float,
        ours: InterceptMixin | None,
        etas: Etas | None,
    ) -> None:
        """Enters the end of a call, and has a scheduler of ours know of it.

        Args:
            played: Who calls.
            call: The call.
            now_s: Its time.
            ours: The scheduler; None if it is vLLM's own, which knows of no calls.
            etas: What augmentations report; None for nothing.
        """
        self.at(now_s + call.seconds, played)
        if ours is None:
            return
        parked = ours.parked.get(played.name)
        if parked is None:
            raise RuntimeError(f"request {played.name} was not parked at its interception")
        parked.returns_s = ours.clock() + call.seconds
        ours.parked.report(played.name, kind=call.kind)
        for report in etas.of(call) if etas is not None else ():
            self.at(now_s + report.after_s, played, now_s + report.eta_s)

    def due(self, now_s: float) -> Iterator[Moment]:
        """Takes out what has come by now, also what is entered meanwhile."""
        while self.next_s <= now_s:
            yield heapq.heappop(self._moments)
