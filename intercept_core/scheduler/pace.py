"""How much an iteration computes again, so that the others in it keep their pace."""

from typing import TYPE_CHECKING

from vllm.v1.request import Request, RequestStatus

from intercept_core.policy.types import CostModel

if TYPE_CHECKING:
    from intercept_core.scheduler.mixin import InterceptMixin

KEPT_SHARE = 0.08
"""By how much of its time recomputation may lengthen an iteration that has no room below the
saturation point: less than the tenth that others may feel, as predictions err."""
PATIENCE_S = 2.0
"""In about this time a context should be back. What would take longer at the kept share gets a
larger one: what it takes with nothing beside it, by this time. On a machine that needs
milliseconds for a token its client would wait for a minute otherwise."""
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
        self._turn: Request | None = None

    def begin(self) -> None:
        """Notes that an iteration is about to be scheduled."""
        scheduler = self._scheduler
        self._left = self._turn = None
        if not scheduler.iterations.recomputing or not self._bounds:
            return
        beside = context_tokens = missing_tokens = 0
        for request in scheduler.running:
            if tokens := self._tokens_of(request):
                beside += tokens
                context_tokens += request.num_computed_tokens + tokens
            else:
                missing_tokens += self._missing(request, request.num_computed_tokens)
                self._turn = self._turn or request  # the others wait for theirs
        if beside:
            self._left = tokens_again(
                min(beside, scheduler.max_num_scheduled_tokens),
                context_tokens,
                scheduler.intercept_cost,
                self._slowdown,
                self._turn.num_computed_tokens if self._turn is not None else 0,
                missing_tokens,
            )

    @property
    def _bounds(self) -> bool:
        """Whether chunks may end anywhere, and the policy has them keep others' pace."""
        scheduler = self._scheduler
        return not (
            scheduler.intercept_policy.requeues
            or scheduler.need_mamba_block_aligned_split
            or scheduler.scheduler_config.disable_chunked_mm_input
            or not scheduler.scheduler_config.enable_chunked_prefill
        )

    def iterations_for(self, request: Request, held_tokens: int, tokens: int) -> int:
        """In about how many iterations a context is whole, with those before it and beside
        those who run now.

        Args:
            request: Whose context.
            held_tokens: Of it, how many are there.
            tokens: How many are computed again.
        """
        scheduler = self._scheduler
        iterations = scheduler.iterations
        beside = sum(not iterations.tokens_before(other) for other in scheduler.running)
        if not beside or not self._bounds:
            return 1
        left = tokens + self._missing_before(request)
        count = 0
        while left > 0:
            chunk = tokens_again(
                beside,
                iterations.context_tokens,
                scheduler.intercept_cost,
                self._slowdown,
                held_tokens,
                left,
            )
            alike = max(left // (4 * chunk), 1)  # the less is missing, the smaller are chunks
            left -= alike * chunk
            count += alike
        return count

    def _missing_before(self, request: Request) -> int:
        scheduler = self._scheduler
        place = scheduler.place(request)
        others = map(scheduler.requests.__getitem__, scheduler.iterations.recomputing)
        return sum(
            self._missing(other, other.num_computed_tokens)
            for other in others
            if scheduler.place(other) < place
        )

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
        """How many of ``tokens`` a request may compute now; 0 if others take all that may be
        computed again.

        vLLM looks at nobody behind a waiting request that gets none. One that holds blocks
        stands before all that hold none, whoever came first; it begins with a token, and waits
        for its turn among the running. So does one that came before the one whose turn it is.

        Args:
            request: Which.
            computed_tokens: Of its context, how many are there.
            tokens: What vLLM gives it.
        """
        missing = self._missing(request, computed_tokens)
        if self._left is None or not missing:
            return tokens
        if missing > self._left:
            tokens = min(tokens, self._left or self._begins(request))
        self._left = max(self._left - min(missing, tokens), 0)
        return tokens

    def _begins(self, request: Request) -> bool:
        scheduler = self._scheduler
        if request.status == RequestStatus.RUNNING:
            return False
        if scheduler.device.held(request):
            return True
        turn = self._turn
        return turn is not None and scheduler.place(request) < scheduler.place(turn)


def tokens_again(
    beside: int,
    context_tokens: int,
    cost: CostModel,
    slowdown: float | None = None,
    again_context_tokens: int = 0,
    missing_tokens: int = 0,
) -> int:
    """How many tokens may be computed again in an iteration.

    With ``slowdown``, as many as lengthen it by that share, but half of it for tokens at least.
    Without, as many as fill it to the saturation point, or lengthen it by a small share if that
    is more; by a larger one, if it would take too long.

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
