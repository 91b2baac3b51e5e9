"""How much longer an interception will take: one class an estimator."""

from abc import ABC, abstractmethod
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Mapping, Sequence

from intercept_core.policy.types import ParkedContext

HISTORY = 256
"""Durations of a kind that are remembered, the latest."""
LEAST_HISTORY = 4
"""Fewer durations are no history."""


class DurationEstimator(ABC):
    """Estimates the remaining time of interceptions."""

    @abstractmethod
    def remaining_s(self, context: ParkedContext, now_s: float) -> float | None:
        """Expected seconds until the result, not negative; None when it cannot say."""

    def observe(  # noqa: B027
        self, kind: str | None, duration_s: float, argument_chars: int | None = None
    ) -> None:
        """Learns from an interception that has ended; by default nothing."""


class LiveEta(DurationEstimator):
    """What the augmentation itself has reported; overdue, it says nothing."""

    def remaining_s(self, context: ParkedContext, now_s: float) -> float | None:
        if context.eta_s is None or context.eta_s < now_s:
            return None
        return context.eta_s - now_s


class Survival(DurationEstimator):
    """The mean residual life: of the kind's interceptions that lasted this long, how much
    longer they lasted.

    Past its whole history a kind has shown a heavy tail: then as long again as it has waited.

    Args:
        least_history: Fewer durations of a kind say nothing.
    """

    def __init__(self, least_history: int = LEAST_HISTORY) -> None:
        self._least_history = least_history
        self._recent: dict[str | None, deque[float]] = {}
        self._sorted: dict[str | None, list[float]] = {}
        self._tail_sums: dict[str | None, list[float]] = {}

    def observe(
        self, kind: str | None, duration_s: float, argument_chars: int | None = None
    ) -> None:
        recent = self._recent.setdefault(kind, deque())
        ordered = self._sorted.setdefault(kind, [])
        recent.append(duration_s)
        insort(ordered, duration_s)
        if len(recent) > HISTORY:
            ordered.remove(recent.popleft())
        self._tail_sums.pop(kind, None)

    def remaining_s(self, context: ParkedContext, now_s: float) -> float | None:
        return self.of(context.kind, now_s - context.parked_s)

    def of(self, kind: str | None, waited_s: float) -> float | None:
        """Expected seconds until the result of a call to ``kind`` that has waited so long."""
        ordered = self._sorted.get(kind)
        if ordered is None or len(ordered) < self._least_history:
            return None
        waited_s = max(waited_s, 0.0)
        first = bisect_right(ordered, waited_s)
        longer = len(ordered) - first
        if not longer:
            return waited_s
        return self._tails(kind)[first] / longer - waited_s

    def _tails(self, kind: str | None) -> list[float]:
        tails = self._tail_sums.get(kind)
        if tails is None:
            tails, total = [], 0.0
            for duration_s in reversed(self._sorted[kind]):
                total += duration_s
                tails.append(total)
            tails.reverse()
            self._tail_sums[kind] = tails
        return tails


class SizedSurvival(DurationEstimator):
    """The survival of the kind's interceptions with arguments of about the same size: a text to
    be spoken takes as long as it is.

    Sizes are told apart by powers of two. A size with less history than a kind needs twice over
    says nothing.
    """

    def __init__(self) -> None:
        self._survival = Survival(least_history=2 * LEAST_HISTORY)

    def observe(
        self, kind: str | None, duration_s: float, argument_chars: int | None = None
    ) -> None:
        if argument_chars is not None:
            self._survival.observe(self._sized(kind, argument_chars), duration_s)

    def remaining_s(self, context: ParkedContext, now_s: float) -> float | None:
        if context.argument_chars is None:
            return None
        sized = self._sized(context.kind, context.argument_chars)
        return self._survival.of(sized, now_s - context.parked_s)

    @staticmethod
    def _sized(kind: str | None, argument_chars: int) -> str:
        return f"{kind}/{argument_chars.bit_length()}"


class Declared(DurationEstimator):
    """The duration that the augmentation calls typical; beyond it, nothing."""

    def remaining_s(self, context: ParkedContext, now_s: float) -> float | None:
        if context.declared_s is None:
            return None
        remaining_s = context.declared_s - (now_s - context.parked_s)
        return remaining_s if remaining_s > 0 else None


class Profile(DurationEstimator):
    """Fixed durations of some kinds, as the paper has them for short automatic tools."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self._seconds = dict(seconds)

    def remaining_s(self, context: ParkedContext, now_s: float) -> float | None:
        return None if context.kind is None else self._seconds.get(context.kind)


class Elapsed(DurationEstimator):
    """The paper's guess for the rest: as long again as it has waited."""

    def remaining_s(self, context: ParkedContext, now_s: float) -> float | None:
        return max(now_s - context.parked_s, 0.0)


class Truth(DurationEstimator):
    """The true remaining time, which only experiments know."""

    def remaining_s(self, context: ParkedContext, now_s: float) -> float | None:
        return None if context.returns_s is None else max(context.returns_s - now_s, 0.0)


class FirstOf(DurationEstimator):
    """The first of several estimators that can say something."""

    def __init__(self, estimators: Sequence[DurationEstimator]) -> None:
        self._estimators = tuple(estimators)

    def observe(
        self, kind: str | None, duration_s: float, argument_chars: int | None = None
    ) -> None:
        for estimator in self._estimators:
            estimator.observe(kind, duration_s, argument_chars)

    def remaining_s(self, context: ParkedContext, now_s: float) -> float | None:
        for estimator in self._estimators:
            remaining_s = estimator.remaining_s(context, now_s)
            if remaining_s is not None:
                return remaining_s
        return None
