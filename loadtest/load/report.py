"""The table at the end of a load test."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from rich import box
from rich.table import Table

from loadtest.load.rows import MEASURES, NORMALIZED, REQUEST, RESUME, Entry

SHARES = (0.5, 0.9, 0.99)

_HEADINGS: Mapping[str, tuple[str, float]] = {
    "TTFT": ("first token (ms)", 1.0),
    "ITL": ("between tokens (ms)", 1.0),
    "resume": ("result to next token (ms)", 1.0),
    "norm.lat": ("norm. latency (ms/token)", 1.0),
    "in tools": ("in augmentations (s)", 1e-3),
    "POST": ("job completion (s)", 1e-3),
}
"""Measure to its column and the factor on milliseconds."""


class Entries(Protocol):
    """What is used of ``locust.stats.RequestStats``."""

    entries: Mapping[tuple[str, str], Entry]


@dataclass(slots=True)
class Row:
    """All measures of a kind, or of several.

    Attributes:
        requests: How many ended or failed.
        failures: How many failed.
        tokens: What the model wrote in those that ended.
        times: For each measure, how often each time was met, in milliseconds.
    """

    requests: int
    failures: int
    tokens: int
    times: dict[str, Counter[float]]

    @classmethod
    def of(cls, statistics: Entries, kind: str) -> "Row":
        """That of a kind."""

        def entry(method: str) -> Entry | None:
            return statistics.entries.get((kind, method))

        found = {method: entry(method) for method in MEASURES}
        requests, written = found[REQUEST], found[NORMALIZED]
        return cls(
            0 if requests is None else requests.num_requests,
            0 if requests is None else requests.num_failures,
            0 if written is None else written.total_content_length,
            {
                method: Counter({} if one is None else one.response_times)
                for method, one in found.items()
            },
        )

    def __add__(self, other: "Row") -> "Row":
        return Row(
            self.requests + other.requests,
            self.failures + other.failures,
            self.tokens + other.tokens,
            {method: self.times[method] + other.times[method] for method in MEASURES},
        )

    @property
    def calls(self) -> float:
        """Interceptions that were resumed, a request that ended."""
        ended = self.times[NORMALIZED].total()
        return self.times[RESUME].total() / ended if ended else 0.0


def report_table(statistics: Entries, kinds: Iterable[str], *, markdown: bool = False) -> Table:
    """One row a kind that was asked for, and one for all of them."""
    rows = {kind: Row.of(statistics, kind) for kind in kinds}
    rows = {kind: row for kind, row in rows.items() if row.requests}
    table = Table(box=box.MARKDOWN if markdown else box.SIMPLE_HEAD)
    table.add_column("kind")
    for heading in ("requests", "failed", "calls", "tokens"):
        table.add_column(heading, justify="right")
    for heading, _ in _HEADINGS.values():
        table.add_column(heading, justify="right")
    for kind, row in rows.items():
        table.add_row(kind, *_cells(row))
    if len(rows) > 1:
        first, *others = rows.values()
        table.add_row("all", *_cells(sum(others, start=first)))
    return table


def quantile(times: Counter[float], share: float) -> float:
    """The time within which ``share`` of all lie."""
    left = share * times.total()
    for time, count in sorted(times.items()):
        left -= count
        if left <= 1e-9:
            return time
    raise ValueError("there are no times")


def _cells(row: Row) -> list[str]:
    done = row.times[NORMALIZED].total()
    counts = [
        str(row.requests),
        str(row.failures),
        f"{row.calls:.1f}",
        f"{row.tokens / done:.0f}" if done else "-",
    ]
    return counts + [
        _quantiles(row.times[method], factor) for method, (_, factor) in _HEADINGS.items()
    ]


def _quantiles(times: Counter[float], factor: float) -> str:
    if not times:
        return "-"
    return " / ".join(_figure(factor * quantile(times, share)) for share in SHARES)


def _figure(value: float) -> str:
    """Three figures, or all before the point."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
