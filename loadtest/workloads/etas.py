"""What augmentations say about the time they will take."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from loadtest.workloads.conversation import Interception
from loadtest.workloads.six_kinds import REPORTING_KINDS

REPORT_AT = (0.0, 0.5)
"""Shares of an interception after which it reports."""


@dataclass(frozen=True, slots=True)
class Report:
    """One report.

    Attributes:
        after_s: When, from the call on.
        eta_s: Time of the result, from the call on, as far as the augmentation knows.
    """

    after_s: float
    eta_s: float


class Etas:
    """Reports of the kinds whose work has known steps.

    Args:
        error: Standard deviation of the reported rest, relative to the true one.
        seed: Of the errors.
    """

    def __init__(self, error: float = 0.0, seed: int = 0) -> None:
        if error < 0:
            raise ValueError(f"error: {error} is negative")
        self._error = error
        self._rng = Random(f"{seed} etas")

    def of(self, call: Interception) -> Iterator[Report]:
        """Reports of one interception, in order; none if its kind cannot tell."""
        if call.kind not in REPORTING_KINDS:
            return
        for share in REPORT_AT:
            after_s = share * call.seconds
            wrong = 1 + self._rng.gauss(0, self._error) if self._error else 1.0
            yield Report(after_s, after_s + (call.seconds - after_s) * max(wrong, 0.0))
