"""The bound: what perfect knowledge of durations is worth."""

from collections.abc import Mapping

from intercept_core.policy.adaptive import Adaptive
from intercept_core.policy.duration import DurationEstimator, Elapsed, FirstOf, Truth


class Oracle(Adaptive):
    """``adaptive`` told the true durations; for experiments only."""

    name = "oracle"
    needs_truth = True

    @staticmethod
    def _estimator(seconds: Mapping[str, float]) -> DurationEstimator:
        return FirstOf([Truth(), Elapsed()])
