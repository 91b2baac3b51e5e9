"""Two sides measured in turn, so that a drift of the machine meets both."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pairs:
    """Seconds of both sides, pair by pair.

    Attributes:
        names: What the sides are called.
        seconds: One ``(first, second)`` a pair.
    """

    names: tuple[str, str]
    seconds: Sequence[tuple[float, float]]

    @property
    def ratios(self) -> list[float]:
        """First over second, pair by pair."""
        return [first / second for first, second in self.seconds]

    def report(self) -> str:
        """Median, minimum and maximum of both sides and of the ratio."""
        sides = zip(*self.seconds, strict=True)
        rows = [
            _row(name, list(side), "s") for name, side in zip(self.names, sides, strict=True)
        ]
        rows.append(_row(f"{self.names[0]} / {self.names[1]}", self.ratios, ""))
        return "\n".join(rows)


def measure_pairs(
    names: tuple[str, str],
    first: Callable[[], float],
    second: Callable[[], float],
    *,
    pairs: int,
    say: Callable[[str], None],
) -> Pairs:
    """Runs both sides ``pairs`` times, the one that begins changing with every pair."""
    seconds = []
    for number in range(pairs):
        if number % 2 == 0:
            one, other = first(), second()
        else:
            other, one = second(), first()
        seconds.append((one, other))
        say(
            f"pair {number + 1} of {pairs}: {names[0]} {one:.3f} s, {names[1]} {other:.3f} s, "
            f"ratio {one / other:.4f}"
        )
    return Pairs(names, seconds)


def _row(name: str, values: list[float], unit: str) -> str:
    return (
        f"{name:28} median {statistics.median(values):8.4f} {unit:1}  "
        f"min {min(values):8.4f}  max {max(values):8.4f}"
    )
