"""Min-waste on an engine that keeps what nobody needs yet."""

from collections.abc import Mapping, Sequence

from intercept_core.policy.base import Policy
from intercept_core.policy.duration import (
    Declared,
    DurationEstimator,
    Elapsed,
    FirstOf,
    LiveEta,
    Profile,
    SizedSurvival,
    Survival,
)
from intercept_core.policy.types import (
    CostModel,
    Decisions,
    Disposition,
    EngineState,
    ParkedContext,
)
from intercept_core.policy.waste import recompute_s

SHORTEST_S = 1e-3
"""Nothing is expected sooner, so that ratios stay finite."""


class Adaptive(Policy):
    """Releases nothing before somebody needs the memory, and copies ahead of need.

    A context that the host has too can go at once and costs a copy to bring back; so copies
    are made while there is bandwidth, for those first whom pressure would take first. What
    has no copy when memory is short goes in the order of its worth: the time to restore it,
    in which all others wait too, for each block-second that its release gives.

    Args:
        seconds: Known durations, kind by kind, used before there is a history.
    """

    name = "adaptive"
    yields_below = 1.0

    def __init__(self, seconds: Mapping[str, float] | None = None) -> None:
        self._durations = self._estimator(seconds or {})

    @staticmethod
    def _estimator(seconds: Mapping[str, float]) -> DurationEstimator:
        known = [LiveEta(), SizedSurvival(), Survival(), Declared(), Profile(seconds)]
        return FirstOf([*known, Elapsed()])

    def observe(
        self, kind: str | None, duration_s: float, argument_chars: int | None = None
    ) -> None:
        self._durations.observe(kind, duration_s, argument_chars)

    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        now_s = state.now_s
        other_tokens = state.running_tokens
        batch_tokens = state.batch_tokens
        copies = state.total_host_blocks > 0
        iteration_s = cost.forward_s(batch_tokens, other_tokens)
        worth: dict[str, float] = {}
        expected: dict[str, float] = {}
        to_copy: list[tuple[float, str]] = []
        for context in parked:
            remaining_s = self._durations.remaining_s(context, now_s) or 0.0
            expected[context.request_id] = remaining_s
            # What only the host has is worth something, too: its slots are wanted by others.
            held = (context.device_blocks or context.host_blocks) * state.block_tokens
            if not held:
                continue
            tokens = min(context.context_tokens, held)
            restore_s = recompute_s(tokens, batch_tokens, other_tokens, cost)
            waste = restore_s * (tokens / 2 + other_tokens)
            value = waste / (max(remaining_s, SHORTEST_S) * held)
            worth[context.request_id] = value
            copy_s = cost.copy_s(context.device_blocks, to_host=True)
            if copies and context.device_blocks and remaining_s > iteration_s + copy_s:
                to_copy.append((value, context.request_id))
        to_copy.sort()
        return Decisions({id_: Disposition.MIRROR for _, id_ in to_copy}, worth, expected)
