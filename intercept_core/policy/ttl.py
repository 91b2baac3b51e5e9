"""Keeps contexts for a time to live, as Continuum does (arXiv 2511.02230).

The rule is that of its first release; the paper also weighs what a reload costs.
"""

from collections import deque
from collections.abc import Sequence

from intercept_core.policy.base import Policy
from intercept_core.policy.types import (
    CostModel,
    Decisions,
    Disposition,
    EngineState,
    ParkedContext,
)

HISTORY = 128


class Ttl(Policy):
    """Preserves until most interceptions of the kind would have ended, then discards.

    A kind whose interceptions take longer than ``default_s`` is not kept at all: its contexts
    would be discarded in the end, after a stay for nothing.

    Args:
        quantile: Share of the kind's past interceptions that end within the time to live.
        default_s: Time to live of a kind without a history, and the longest of any.
    """

    name = "ttl"
    yields_below = float("-inf")

    def __init__(self, quantile: float = 0.9, default_s: float = 2.0) -> None:
        self._quantile = quantile
        self._default_s = default_s
        self._history: dict[str | None, deque[float]] = {}
        self._ttl_s: dict[str | None, float] = {}

    def observe(
        self, kind: str | None, duration_s: float, argument_chars: int | None = None
    ) -> None:
        history = self._history.setdefault(kind, deque(maxlen=HISTORY))
        history.append(duration_s)
        ordered = sorted(history)
        place = min(int(self._quantile * len(ordered)), len(ordered) - 1)
        most_end_s = ordered[place]
        self._ttl_s[kind] = most_end_s if most_end_s <= self._default_s else 0.0

    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        return Decisions(
            {
                context.request_id: Disposition.DISCARD
                for context in parked
                if state.now_s - context.parked_s
                > self._ttl_s.get(context.kind, self._default_s)
            }
        )
