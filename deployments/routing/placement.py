"""Where a request goes."""

import hashlib
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from deployments.routing.hint import Key, RouteHint
from deployments.routing.holders import HolderTable
from deployments.routing.load import ReplicaLoad

STALE_PERIODS = 5.0
"""Reports that may fail to come before a replica counts as silent."""

NEW_SESSION_SHARE = 0.25
"""How much of ``pass_over`` a session that nobody has seen may deviate from the least pressure,
to be where any router would look for it."""


class Placement:
    """Sends a request to the replica that holds its context, others where pressure is least.

    Pressure is what replicas have reported, plus what was sent to them since. One that is full
    comes after all others. One that has yet to report gets no more than what it holds already.
    Where nobody has reported of late, the less used of two random replicas is taken.

    Args:
        pass_over: See :class:`~deployments.routing.section.RoutingSection`.
        report_period_s: The same.
        holders: Where contexts are.
        clock: Seconds from any start.
        rng: Breaks ties.
    """

    def __init__(
        self,
        pass_over: float,
        report_period_s: float,
        *,
        holders: HolderTable | None = None,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._pass_over = pass_over
        self._stale_after_s = report_period_s * STALE_PERIODS
        self._holders = HolderTable() if holders is None else holders
        self._clock = clock
        self._rng = rng or random.Random()
        self._loads: dict[str, ReplicaLoad] = {}
        self._heard_at_s: dict[str, float] = {}
        self._sent: dict[str, int] = {}

    def update(self, loads: Mapping[str, ReplicaLoad | None]) -> None:
        """Takes in the replicas that there are now, with their latest reports."""
        before = self._loads
        self._loads = {replica: load for replica, load in loads.items() if load is not None}
        self._sent = {replica: self._sent.get(replica, 0) for replica in loads}
        # One that comes has as long for its first report as the others for their next.
        now_s = self._clock()
        self._heard_at_s = {replica: self._heard_at_s.get(replica, now_s) for replica in loads}
        for replica, load in self._loads.items():
            if replica not in before or before[replica].number != load.number:
                self._heard_at_s[replica] = now_s
                self._sent[replica] = 0

    def sent(self, replica: str, hint: RouteHint) -> None:
        """Notes that ``replica`` got the request, and so will hold its context."""
        self._holders.remember([*hint.session_key, *hint.last], replica)
        self._sent[replica] = self._sent.get(replica, 0) + 1

    def rank(self, replicas: Sequence[str], hint: RouteHint) -> list[str]:
        """Those of ``replicas`` that may serve the request, the best first."""
        recent = [replica for replica in replicas if self._is_heard(replica)]
        heard = [replica for replica in recent if replica in self._loads]
        living = [replica for replica in heard if not self._loads[replica].failed]
        # Shuffled before it is sorted: equals take turns.
        if living:
            new = [replica for replica in recent if replica not in self._loads]
            ranked = sorted(self._shuffled(living), key=self._burden)
            open_ones = [replica for replica in ranked if not self._is_full(replica)]
            wanted = self._wanted(hint, open_ones or ranked, new)
            ranked += [replica for replica in new if replica == wanted]
        else:
            silent = [replica for replica in replicas if replica not in heard]
            ranked = self._shuffled(silent or replicas)
            ranked[:2] = sorted(ranked[:2], key=lambda replica: self._sent.get(replica, 0))
            wanted = self._holder(hint, ranked)
        return sorted(ranked, key=lambda replica: replica != wanted)

    def _is_heard(self, replica: str) -> bool:
        heard_at_s = self._heard_at_s.get(replica, float("-inf"))
        return self._clock() - heard_at_s <= self._stale_after_s

    def _shuffled(self, replicas: Sequence[str]) -> list[str]:
        return self._rng.sample(replicas, len(replicas))

    def _burden(self, replica: str) -> tuple[bool, float]:
        return self._is_full(replica), self._pressure(replica)

    def _is_full(self, replica: str) -> bool:
        return self._loads[replica].is_full(self._sent[replica])

    def _pressure(self, replica: str) -> float:
        return self._loads[replica].pressure(self._sent[replica])

    def _wanted(
        self, hint: RouteHint, ranked: Sequence[str], new: Collection[str]
    ) -> str | None:
        """The replica that should serve the request unless its pressure is too high."""
        least = self._pressure(ranked[0])
        if (holder := self._holder(hint, [*ranked, *new])) in new:
            return holder
        if holder is not None:
            return holder if self._pressure(holder) - least <= self._pass_over else None
        if not hint.session_key:
            return None
        # A router that has not seen the session, on another machine or after a restart, looks
        # for it where it was most likely sent.
        (key,) = hint.session_key
        likely = max(ranked, key=lambda replica: _affinity(key, replica))
        bearable = self._pass_over * NEW_SESSION_SHARE
        return likely if self._pressure(likely) - least <= bearable else None

    def _holder(self, hint: RouteHint, among: Collection[str]) -> str | None:
        return self._holders.find([*hint.session_key, *hint.keys], among)


def _affinity(key: Key, replica: str) -> bytes:
    """Highest random weight: a replica that comes or goes moves no other's sessions."""
    return hashlib.blake2b(key + replica.encode()).digest()
