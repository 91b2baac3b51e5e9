"""How much an iteration computes again, so that the others in it keep their pace."""

from typing import TYPE_CHECKING

from vllm.utils.math_utils import cdiv
from vllm.v1.request import Request

from intercept_core.policy.types import CostModel

if TYPE_CHECKING:
    from intercept_core.scheduler.mixin import InterceptMixin

KEPT_SHARE = 0.08
"""By how much of its time recomputation may lengthen an iteration that has no room below the
saturation point: less than the tenth that others may feel, as predictions err."""
PATIENCE_S = 2.0
"""What takes so long to compute again, with nothing beside it, may take more: on a machine that
needs milliseconds for a token its client would wait for a minute."""
MOST_SHARE = 1.0
"""But not more than this share."""


class RecomputePace:
    """Bounds the chunks of contexts that are computed again while others are computed.

    What a request computes for the first time, a prompt or a result, is not bounded.

    Args:
        scheduler: Whose iterations.
        slowdown: By what share of its time recomputation may lengthen an iteration; None to
            fill it to the saturation point.
    """

    def __init__(self, scheduler: "InterceptMixin", slowdown: float | None) -> None:
        self._scheduler = scheduler
        self._slowdown = slowdown
        self._left: int | None = None

    def begin(self) -> None:
        """Notes that an iteration is about to be scheduled."""
        scheduler = self._scheduler
        self._left = None
        if not scheduler.iterations.recomputing or scheduler.intercept_policy.requeues:
            return
        config = scheduler.scheduler_config
        if (
            scheduler.need_mamba_block_aligned_split
            or config.disable_chunked_mm_input
            or not config.enable_chunked_prefill
        ):
            return  # chunks must not end just anywhere
        beside = context_tokens = missing_tokens = 0
        again: Request | None = None
        for request in scheduler.running:
            if tokens := self._tokens_of(request):
                beside += tokens
                context_tokens += request.num_computed_tokens + tokens
            else:
                missing_tokens += self._missing(request, request.num_computed_tokens)
                again = again or request  # the others wait for their turn
        if beside:
            self._left = tokens_again(
                min(beside, scheduler.max_num_scheduled_tokens),
                context_tokens,
                scheduler.intercept_cost,
                self._slowdown,
                again.num_computed_tokens if again is not None else 0,
                missing_tokens,
            )

    def iterations(self, tokens: int) -> int:
        """How many it takes to compute ``tokens`` again beside those who run now."""
        scheduler = self._scheduler
        beside = len(scheduler.running)
        if not beside:
            return 1
        chunk = tokens_again(
            beside,
            scheduler.iterations.context_tokens,
            scheduler.intercept_cost,
            self._slowdown,
            missing_tokens=tokens,
        )
        return cdiv(tokens, chunk)

    @property
    def is_bounding(self) -> bool:
        """Whether it bounds anything in this iteration."""
        return self._left is not None

    def _missing(self, request: Request, computed_tokens: int) -> int:
        before = self._scheduler.iterations.tokens_before(request)
        return max(before - computed_tokens, 0)

    def _tokens_of(self, request: Request) -> int:
        scheduler = self._scheduler
        if scheduler.iterations.tokens_before(request):
            return 0
        known = request.num_tokens_with_spec + request.num_output_placeholders
        # With several stages it may have none to compute now, and waits for its turn.
        tokens = max(known - request.num_computed_tokens, 1)
        longest = scheduler.scheduler_config.long_prefill_token_threshold
        return min(tokens, longest) if longest else tokens

    def chunk(self, request: Request, computed_tokens: int, tokens: int) -> int:
        """How many of ``tokens`` a request may compute now; 0 if those before it take all that
        may be computed again.

        Args:
            request: Which.
            computed_tokens: Of its context, how many are there.
            tokens: What vLLM gives it.
        """
        missing = self._missing(request, computed_tokens)
        if self._left is None or not missing:
            return tokens
        if missing > self._left:
            tokens = min(tokens, self._left)
        self._left = max(self._left - min(missing, tokens), 0)
        return tokens


def tokens_again(
    beside: int,
    context_tokens: int,
    cost: CostModel,
    slowdown: float | None = None,
    again_context_tokens: int = 0,
    missing_tokens: int = 0,
) -> int:
    """How many tokens may be computed again in an iteration.

    With ``slowdown``, as many as lengthen it by that share. Without, as many as fill it to the
    saturation point, or lengthen it by a small share if that is more; by a larger one, if it
    would take too long.

    Args:
        beside: Tokens of the others in it, one at least.
        context_tokens: Sum of their contexts.
        cost: What iterations take on this machine.
        slowdown: Share of the iteration's time.
        again_context_tokens: What is there already of the contexts that are computed again:
            they have to be read, too.
        missing_tokens: The rest of them.

    Returns:
        One at least: recomputation always goes on.
    """
    alone_s = cost.forward_s(beside, context_tokens)
    all_tokens = context_tokens + again_context_tokens
    begun_s = cost.forward_s(beside, all_tokens)
    token_s = cost.forward_s(beside + 1, all_tokens + 1) - begun_s
    room = max(cost.saturation_tokens - beside, 1)
    if token_s <= 0:  # no cost model has free tokens beyond its saturation point
        return room
    share = slowdown
    if share is None:
        patient = missing_tokens * token_s / PATIENCE_S
        share = min(max(patient, KEPT_SHARE), MOST_SHARE)
    # Half of it at least for tokens: what is there is read in every iteration, and few of them
    # would read it many times.
    longer_s = max((1 + share) * alone_s - begun_s, share / 2 * alone_s)
    again = max(int(longer_s / token_s), 1)
    return max(again, room) if slowdown is None else again
