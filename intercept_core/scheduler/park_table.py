"""The intercepted requests, kept outside the scheduler's own queues."""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from math import ceil

from intercept_core.scheduler.parked import Parked
from intercept_core.scheduler.worth_order import WorthOrder

SHARE_AGAIN = 0.25
"""Of the contexts that a policy can be shown, those without news."""

WORTH_STEP = 0.1
"""Estimates are no better than that."""
ETA_STEP = 0.1
"""The same for expectations, of the whole wait: a smaller change can wait for its turn."""


class ParkTable:
    """Parked requests by engine id and by session key, in two orders.

    Args:
        yields_below: Asks the policy, see :class:`~intercept_core.policy.base.Policy`.

    Attributes:
        yielding_blocks: Device blocks that become free when all parked contexts have given way
            that give way to requests which are not running.
    """

    def __init__(self, yields_below: Callable[[], float] = lambda: float("inf")) -> None:
        self._yields_below = yields_below
        self._counted: dict[Parked, int] = {}
        self._by_id: dict[str, Parked] = {}
        self._id_of_key: dict[str, str] = {}
        self._new: dict[str, None] = {}
        self._news: dict[str, None] = {}
        self._turns: deque[str] = deque()
        self._has_turn: set[str] = set()
        self._by_worth = WorthOrder()
        self._spare_by_worth = WorthOrder()
        self.yielding_blocks = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Parked]:
        return iter(self._by_id.values())

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._by_id

    def get(self, request_id: str) -> Parked | None:
        """The parked request of this engine id, or None."""
        return self._by_id.get(request_id)

    @property
    def oldest(self) -> Parked | None:
        """The one that has been parked for longest; None if nobody is."""
        return next(iter(self._by_id.values()), None)

    def add(self, parked: Parked) -> None:
        """Parks a request that is not parked yet."""
        request_id = parked.request_id
        assert request_id not in self._by_id, f"{request_id} is parked already"
        self._by_id[request_id] = parked
        self._id_of_key[parked.key] = request_id
        self._new[request_id] = None
        self.rank(parked)

    def pop(self, request_id: str) -> Parked | None:
        """Takes a request out; None if it is not parked."""
        parked = self._by_id.pop(request_id, None)
        if parked is not None:
            self._id_of_key.pop(parked.key, None)
            self._new.pop(request_id, None)
            self._news.pop(request_id, None)
            self._by_worth.discard(parked)
            self._spare_by_worth.discard(parked)
            self.yielding_blocks -= self._counted.pop(parked)
        return parked

    def report(
        self,
        key: str,
        *,
        eta_s: float | None = None,
        kind: str | None = None,
        declared_s: float | None = None,
        argument_chars: int | None = None,
    ) -> bool:
        """Notes what the bus knows of session ``key``; False if it is not parked."""
        parked = self._by_id.get(self._id_of_key.get(key, ""))
        if parked is None:
            return False
        if (
            _moved(parked, eta_s)
            or (kind or parked.kind) != parked.kind
            or argument_chars not in (None, parked.argument_chars)
            or declared_s not in (None, parked.declared_s)
        ):
            self._news[parked.request_id] = None
        parked.eta_s = eta_s
        parked.kind = kind or parked.kind
        parked.declared_s = parked.declared_s if declared_s is None else declared_s
        if argument_chars is not None:
            parked.argument_chars = argument_chars
        return True

    def next_shown(self, most: int) -> list[Parked]:
        """Whom a policy shall look at now, in order of original arrival: of those that are new
        or have news as many as there is room for, and of the others some by turns.

        Takes a time bounded by ``most``, however many are parked.
        """
        shown: dict[str, Parked] = {}
        again = ceil(SHARE_AGAIN * most)
        for request_id in [*itertools.islice(self._new, most - again)]:
            del self._new[request_id]
            shown[request_id] = self._by_id[request_id]
            self._news.pop(request_id, None)
        for request_id in [*itertools.islice(self._news, most - again - len(shown))]:
            del self._news[request_id]
            shown[request_id] = self._by_id[request_id]
        for _ in range(min(again, len(self._turns))):
            request_id = self._turns.popleft()
            self._has_turn.discard(request_id)
            if (parked := self._by_id.get(request_id)) is not None:
                shown[request_id] = parked
        for parked in shown.values():
            parked.shown_eta_s = parked.eta_s
        self._turns.extend(id_ for id_ in shown if id_ not in self._has_turn)
        self._has_turn.update(shown)
        return sorted(shown.values(), key=lambda parked: parked.request.arrival_time)

    def value(self, parked: Parked, worth: float) -> None:
        """Notes what a context is worth; small changes do not move it in the order."""
        if parked.worth == worth or abs(worth - parked.worth) < WORTH_STEP * abs(parked.worth):
            return
        parked.worth = worth
        self.rank(parked)

    def rank(self, parked: Parked) -> None:
        """Notes that the worth of a context has changed, or where its blocks are."""
        if parked.request.request_id not in self._by_id:
            return
        spare = parked.spare_blocks
        if parked.device_blocks:
            self._by_worth.push(parked)
        if spare:
            self._spare_by_worth.push(parked)
        yielding = parked.freed_by(parked.device_blocks if self.yields(parked) else spare)
        self.yielding_blocks += yielding - self._counted.get(parked, 0)
        self._counted[parked] = yielding

    def yields(self, parked: Parked) -> bool:
        """Whether all of a context gives way to a request that is not running."""
        return parked.worth < self._yields_below()

    def resize(self, parked: Parked, device_blocks: int) -> None:
        """Notes that ``parked`` holds ``device_blocks`` from now on."""
        parked.device_blocks = device_blocks
        self.rank(parked)

    def spare_victim(self) -> Parked | None:
        """The context of least worth whose loss on the device costs no recomputation."""
        return self._spare_by_worth.lowest(lambda parked: parked.spare_blocks > 0)

    def victim(self) -> Parked | None:
        """The context of least worth, or None if nobody holds one on the device."""
        return self._by_worth.lowest(lambda parked: parked.device_blocks > 0)


def _moved(parked: Parked, eta_s: float | None) -> bool:
    # Since the policy saw it: many small steps are a large one.
    shown_s = parked.shown_eta_s
    if eta_s is None or shown_s is None:
        return eta_s is not shown_s
    return abs(eta_s - shown_s) > ETA_STEP * (eta_s - parked.since_s)
