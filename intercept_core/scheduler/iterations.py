"""How long iterations take, and how much of them goes into computing again."""

from collections.abc import Callable, Collection
from typing import Protocol

from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.request import Request


class IterationObserver(Protocol):
    """Learns from iterations."""

    def observe_iteration(self, query_tokens: int, context_tokens: int, seconds: float) -> None:
        """An iteration over ``query_tokens`` took ``seconds``."""


class Iterations:
    """Measures the iterations, each from its schedule or from the end of the one before.

    Attributes:
        query_tokens: Tokens of the last scheduled iteration.
        context_tokens: Sum of the contexts of the requests in it.
        recompute_s: Seconds of forward passes spent on tokens that had been computed before,
            by their share of each iteration's tokens.
        recompute_token_s: The same, times the context tokens of each iteration's batch: the
            memory that was held for it.
        total_s: Seconds of all iterations with tokens.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._recomputed_until: dict[str, int] = {}
        self._started: dict[int, tuple[float, int, int]] = {}
        self._last_end_s = float("-inf")
        self.query_tokens = 0
        self.context_tokens = 0
        self.recompute_s = 0.0
        self.recompute_token_s = 0.0
        self.total_s = 0.0

    @property
    def recomputing(self) -> Collection[str]:
        """Requests that compute again what they had, or wait to."""
        return self._recomputed_until.keys()

    def tokens_before(self, request: Request) -> int:
        """How many tokens of its context a request has had before that lacks some of them; 0
        for any other."""
        return self._recomputed_until.get(request.request_id, 0)

    def recompute(self, request_id: str, context_tokens: int) -> None:
        """Notes that ``request_id`` has had ``context_tokens`` before, and may lack some."""
        self._recomputed_until[request_id] = context_tokens

    def forget(self, request_id: str) -> None:
        """Notes that a request has ended or was intercepted."""
        self._recomputed_until.pop(request_id, None)

    def scheduled(self, output: SchedulerOutput, requests: dict[str, Request]) -> None:
        """Notes an iteration that starts now; its requests' progress counts it already."""
        if not output.total_num_scheduled_tokens:
            return
        again = 0
        for request_id in list(self._recomputed_until):
            count = output.num_scheduled_tokens.get(request_id, 0)
            end = requests[request_id].num_computed_tokens
            known = self._recomputed_until[request_id]
            again += max(min(end, known) - (end - count), 0)
            if end >= known and count:
                del self._recomputed_until[request_id]
        self.query_tokens = output.total_num_scheduled_tokens
        self.context_tokens = sum(
            requests[request_id].num_computed_tokens
            for request_id in output.num_scheduled_tokens
        )
        self._started[id(output)] = (self._now_s(), self.context_tokens, again)

    def ended(self, output: SchedulerOutput, observer: IterationObserver | None) -> None:
        """Notes that the result of an iteration is here."""
        started = self._started.pop(id(output), None)
        now_s = self._now_s()
        if started is None:
            self._last_end_s = now_s
            return
        start_s, context_tokens, again = started
        query_tokens = output.total_num_scheduled_tokens
        seconds = now_s - max(start_s, self._last_end_s)
        self._last_end_s = now_s
        if seconds <= 0:
            return
        self.total_s += seconds
        again_s = seconds * again / query_tokens
        self.recompute_s += again_s
        self.recompute_token_s += again_s * context_tokens
        if observer is not None:
            observer.observe_iteration(query_tokens, context_tokens, seconds)
