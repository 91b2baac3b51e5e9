"""Min-waste as in the paper (arXiv 2402.01869, equations 1 to 5)."""

from collections.abc import Mapping, Sequence

from intercept_core.policy import waste
from intercept_core.policy.base import Policy
from intercept_core.policy.duration import Elapsed, FirstOf, Profile
from intercept_core.policy.swap_budget import swap_budget
from intercept_core.policy.types import (
    CostModel,
    Decisions,
    Disposition,
    EngineState,
    ParkedContext,
)

SHORT_TOOLS_S = {"calculator": 9e-5, "retrieval": 0.69, "alfworld": 0.09}
"""The paper's profiles of its short automatic tools (table 1)."""


class InferCept(Policy):
    """Swaps the most wasteful contexts within the budget, the last of them over several
    iterations; each of the rest is preserved or discarded, whichever wastes less.

    Args:
        seconds: Known durations, kind by kind; the rest is expected to last as long again as
            it has.
    """

    name = "infercept"
    yields_below = float("-inf")

    def __init__(self, seconds: Mapping[str, float] | None = None) -> None:
        self._durations = FirstOf([Profile(seconds or SHORT_TOOLS_S), Elapsed()])

    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        weighed = []
        expected: dict[str, float] = {}
        for context in parked:
            remaining_s = self._durations.remaining_s(context, state.now_s) or 0.0
            expected[context.request_id] = remaining_s
            tokens = context.context_tokens
            preserved = waste.preserve(tokens, remaining_s)
            discarded = waste.chunked_discard(
                tokens, state.batch_tokens, state.running_tokens, cost
            )
            weighed.append((min(preserved, discarded), preserved <= discarded, context))
        weighed.sort(key=lambda entry: -entry[0])
        budget = swap_budget(state, cost)
        dispositions = {}
        for _, keep, context in weighed:
            swapping = context.disposition is Disposition.SWAP
            if swapping or (context.device_blocks and budget > 0):
                dispositions[context.request_id] = Disposition.SWAP
                budget -= context.device_blocks
            else:
                dispositions[context.request_id] = (
                    Disposition.PRESERVE if keep else Disposition.DISCARD
                )
        return Decisions(dispositions, remaining_s=expected)
