"""Medians and what lies beyond."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import quantiles


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Of some times, in seconds; infinite if there are none."""

    median: float = float("inf")
    p90: float = float("inf")

    @classmethod
    def of(cls, values: Iterable[float]) -> "Quantiles":
        """Those of ``values``."""
        ordered = sorted(values)
        if not ordered:
            return cls()
        if len(ordered) == 1:
            return cls(ordered[0], ordered[0])
        cuts = quantiles(ordered, n=10, method="inclusive")
        return cls(cuts[4], cuts[8])
