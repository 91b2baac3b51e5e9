"""A threshold on the expected duration."""

from collections.abc import Mapping, Sequence

from intercept_core.policy.base import Policy
from intercept_core.policy.duration import Declared, FirstOf, Profile, Survival
from intercept_core.policy.types import (
    CostModel,
    Decisions,
    Disposition,
    EngineState,
    ParkedContext,
)


class Heuristic(Policy):
    """Preserves for short interceptions, swaps for long ones.

    Args:
        threshold_s: What counts as long.
        seconds: Known durations, kind by kind.
    """

    name = "heuristic"

    def __init__(
        self, threshold_s: float = 1.0, seconds: Mapping[str, float] | None = None
    ) -> None:
        self._threshold_s = threshold_s
        self._durations = FirstOf([Profile(seconds or {}), Survival(), Declared()])

    def observe(
        self, kind: str | None, duration_s: float, argument_chars: int | None = None
    ) -> None:
        self._durations.observe(kind, duration_s, argument_chars)

    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        long = Disposition.SWAP if state.total_host_blocks else Disposition.DISCARD
        dispositions = {}
        expected: dict[str, float] = {}
        for context in parked:
            remaining_s = self._durations.remaining_s(context, state.now_s) or 0.0
            expected[context.request_id] = remaining_s
            is_long = remaining_s > self._threshold_s
            dispositions[context.request_id] = long if is_long else Disposition.PRESERVE
        return Decisions(dispositions, remaining_s=expected)
