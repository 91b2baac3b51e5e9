"""Costs that are measured where they arise."""

from collections import deque
from statistics import median
from typing import Any

import numpy as np

from intercept_core.policy.cost_model import SATURATED_SHARE, LinearCostModel
from intercept_core.policy.relative_fit import RelativeFit

FORGETTING = 0.999
"""Weight of an iteration relative to the next one: about a thousand are remembered."""
GUESSES_FORGETTING = 0.98
"""The same for careful guesses: on a machine ten times slower, their relative errors would
outweigh what is observed for thousands of iterations."""
PRIOR_LEFT = 1e-4
"""Share of the prior that is never forgotten: iterations that are all alike cannot tell a
token's part from the fixed one."""
PRIOR_WEIGHT = 20.0
"""How many iterations the prior counts for at the beginning."""
REFIT_EVERY = 32
OUTLIER = 4.0
"""An observation counts as at most so many times what was expected: a hiccup of the machine
must not spoil the fit, and a lasting change still moves it."""
COPY_MEMORY = 0.95
ERRORS_KEPT = 512


class LearnedCostModel:
    """A linear model of iterations that follows them by weighted least squares.

    Each observation counts by its relative error, so that short and long iterations are fitted
    alike. Coefficients are never negative, and those of an iteration and a token never zero.

    Args:
        prior: A measured profile to start from; None for careful guesses, which are soon
            forgotten.
        saturation_tokens: S, if it is known; else what a machine has on which each token takes
            its time, as a linear model cannot tell another.
    """

    def __init__(
        self, prior: LinearCostModel | None = None, saturation_tokens: int | None = None
    ) -> None:
        self._prior_forgetting = GUESSES_FORGETTING if prior is None else FORGETTING
        self._prior_share = 1.0
        prior = prior or LinearCostModel()
        self._saturation_tokens = saturation_tokens
        self._coefficients = (prior.iteration_s, prior.token_s, prior.context_token_s)
        self._block_s = {True: prior.block_out_s, False: prior.block_in_s}  # by to_host
        self._prior = RelativeFit(columns=3)
        self._seen = RelativeFit(columns=3)
        self._unfitted: list[tuple[int, int, float, float]] = []  # query, context, s, weight
        self._errors: deque[float] = deque(maxlen=ERRORS_KEPT)
        for query, context in ((1, 0), (64, 4096), (512, 16384), (1024, 1024)):
            expected_s = prior.forward_s(query, context)
            self._prior.add((1.0, query, context), expected_s, PRIOR_WEIGHT / 4)

    def forward_s(self, query_tokens: int, context_tokens: int) -> float:
        """See :class:`~intercept_core.policy.types.CostModel`."""
        fixed, query, context = self._coefficients
        return fixed + query * query_tokens + context * context_tokens

    def copy_s(self, blocks: int, *, to_host: bool) -> float:
        """See :class:`~intercept_core.policy.types.CostModel`."""
        return self._block_s[to_host] * blocks

    @property
    def saturation_tokens(self) -> int:
        """See :class:`~intercept_core.policy.types.CostModel`."""
        if self._saturation_tokens is not None:
            return self._saturation_tokens
        fixed, query, _ = self._coefficients
        return max(int(SATURATED_SHARE * fixed / query), 1)

    @property
    def relative_error(self) -> float | None:
        """Median relative error of the latest predictions; None before any."""
        return median(self._errors) if self._errors else None

    def observe_iteration(self, query_tokens: int, context_tokens: int, seconds: float) -> None:
        """Learns that an iteration took ``seconds``."""
        expected_s = self.forward_s(query_tokens, context_tokens)
        self._errors.append(abs(expected_s - seconds) / seconds)
        counted_s = min(seconds, OUTLIER * expected_s)
        # It weighs what its whole time would: were it taken for a short iteration, it would
        # outweigh those that come when the expectation has followed.
        weight = (counted_s / seconds) ** 2
        self._unfitted.append((query_tokens, context_tokens, counted_s, weight))
        if len(self._unfitted) >= REFIT_EVERY:
            self._refit()

    def observe_copy(self, blocks: int, seconds: float, *, to_host: bool) -> None:
        """Learns that a copy of ``blocks`` took ``seconds``."""
        known_s = self._block_s[to_host]
        block_s = min(seconds / blocks, OUTLIER * known_s)
        self._block_s[to_host] = COPY_MEMORY * known_s + (1 - COPY_MEMORY) * block_s

    def to_dict(self) -> dict[str, Any]:
        """The plain form of a profile."""
        fixed, query, context = self._coefficients
        return {
            "iteration_s": fixed,
            "token_s": query,
            "context_token_s": context,
            "block_out_s": self._block_s[True],
            "block_in_s": self._block_s[False],
            "saturation_tokens": self.saturation_tokens,
        }

    def _refit(self) -> None:
        # All at once: one by one, these small sums took a tenth of a millisecond an iteration.
        query, context, seconds, weight = np.array(self._unfitted).T
        count = len(self._unfitted)
        self._unfitted.clear()
        self._forget_prior(count)
        self._seen.forget(FORGETTING**count)
        age = np.arange(count - 1, -1, -1)
        rows = np.column_stack((np.ones(count), query, context))
        self._seen.add(rows, seconds, weight * FORGETTING**age)
        fixed, query_s, context_s = self._seen.plus(self._prior).coefficients()
        self._coefficients = (max(fixed, 1e-6), max(query_s, 1e-9), context_s)

    def _forget_prior(self, iterations: int) -> None:
        kept = max(self._prior_share * self._prior_forgetting**iterations, PRIOR_LEFT)
        self._prior.forget(kept / self._prior_share)
        self._prior_share = kept
