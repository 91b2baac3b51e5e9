"""The largest request rate that an engine serves at a bearable pace."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import log2

from loadtest.simulator.simulation import Simulation
from loadtest.workloads.conversation import Conversation

IDLE_CONVERSATIONS = 100
"""How many are played one at a time to see an idle engine's latency."""
LEAST_RATE_PER_S = 2.0**-10
MOST_RATE_PER_S = 2.0**10

MakeSimulation = Callable[[Sequence[Conversation]], Simulation]


def idle_latency_s(make: MakeSimulation, workload: Sequence[Conversation]) -> float:
    """Median normalized latency when each conversation has the engine to itself."""
    apart: list[Conversation] = []
    arrival_s = 0.0
    for conversation in workload[:IDLE_CONVERSATIONS]:
        apart.append(replace(conversation, arrival_s=arrival_s))
        # A second a token is long even for a slow machine.
        arrival_s += conversation.intercepted_s + conversation.total_tokens
    return make(apart).run().normalized_latency_s.median


class Deadlines:
    """Tells early on which side of a limit the median normalized latency will be.

    A conversation meets the limit if it ends before its deadline: once more than half have, or
    half have not, the rest cannot change the answer.

    Args:
        simulation: The simulation, before it runs.
        limit_s: The normalized latency that shall not be exceeded.
    """

    def __init__(self, simulation: Simulation, limit_s: float) -> None:
        self._simulation = simulation
        self._due: list[tuple[float, int]] = []
        for index, played in enumerate(simulation.played):
            conversation = played.conversation
            served_s = limit_s * conversation.output_tokens
            due_s = conversation.arrival_s + conversation.intercepted_s + served_s
            self._due.append((due_s, index))
        heapq.heapify(self._due)
        self._met = self._missed = 0

    @property
    def kept(self) -> bool:
        """Whether more than half have met the limit."""
        return self._met > len(self._simulation.played) / 2

    def decided(self) -> bool:
        """Whether the answer is known at this moment of the simulation."""
        now_s = self._simulation.engine.now_s
        while self._due and self._due[0][0] <= now_s:
            due_s, index = heapq.heappop(self._due)
            end_s = self._simulation.played[index].end_s
            if end_s is not None and end_s <= due_s:
                self._met += 1
            else:
                self._missed += 1
        return self.kept or self._missed >= len(self._simulation.played) / 2

    def answer(self) -> bool:
        """Runs the simulation as far as needed; whether the limit is kept."""
        self._simulation.run(stop=self.decided)
        while self._due and not self.decided():
            self._simulation.engine.now_s = self._due[0][0]  # all have ended: only time is left
        return self.kept


@dataclass(frozen=True, slots=True)
class Capacity:
    """A bracket of the largest rate.

    Attributes:
        kept_per_s: The largest rate tried that kept the limit; 0 if none did.
        broken_per_s: The smallest that did not; infinite if none, which ``--json`` writes as
            null.
    """

    kept_per_s: float
    broken_per_s: float


def search(
    keeps: Callable[[float], bool], precision: float, near_per_s: float | None = None
) -> Capacity:
    """Brackets the largest rate that ``keeps`` accepts.

    All rates are of one geometric series, so that two searches that agree give equal figures.

    Args:
        keeps: Whether a rate keeps the limit.
        precision: Ends when the bracket is no wider than this share of its lower end.
        near_per_s: Where the answer is expected, e.g. by an earlier search: saves steps if it
            is there, and changes nothing else.
    """
    octave = 1  # rates between one and its double
    while 2 ** (1 / octave) > 1 + precision:
        octave *= 2
    most = round(octave * log2(MOST_RATE_PER_S))
    least = round(octave * log2(LEAST_RATE_PER_S))
    index, reach = 0, octave
    if near_per_s is not None:
        index, reach = min(max(round(octave * log2(near_per_s)), least), most), 1
    kept: int | None = None
    broken: int | None = None
    while kept is None or broken is None or broken - kept > 1:
        if keeps(2 ** (index / octave)):
            kept = index
        else:
            broken = index
        if kept == most or broken == least:
            break  # everything is bearable, or nothing
        if kept is None:
            index = max(index - reach, least)
        elif broken is None:
            index = min(index + reach, most)
        else:
            index = (kept + broken) // 2
        reach = min(2 * reach, octave)
    return Capacity(
        0.0 if kept is None else 2 ** (kept / octave),
        float("inf") if broken is None else 2 ** (broken / octave),
    )
