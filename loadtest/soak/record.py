"""What was seen of a server in the course of a soak."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression

from loadtest.soak.levels import Levels
from loadtest.soak.memory import Memory, total

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Sample:
    """One look.

    Attributes:
        at_s: When, from the start of the load that is measured.
        memory: Of the server's processes.
        levels: Of its engine.
    """

    at_s: float
    memory: Memory
    levels: Levels

    @property
    def own_mib(self) -> float:
        """Memory of all processes, without the files that they have mapped."""
        return total(self.memory).own_bytes / MIB


@dataclass(frozen=True, slots=True)
class Record:
    """A whole soak.

    Attributes:
        fresh: Before the first request.
        samples: Under the load that is measured, after the warm-up.
        rest: After all requests had ended, or when nobody would wait any longer.
        requests: How many were sent in the load that is measured.
        failures: How many of them failed.
        skipped: Samples that are missing because an engine was too busy to answer.
    """

    fresh: Sample
    samples: Sequence[Sample]
    rest: Sample
    requests: int
    failures: int
    skipped: int = 0

    @property
    def growth_mib_per_minute(self) -> float:
        """Slope of the straight line through the memory of all processes under load."""
        slope = linear_regression(
            [sample.at_s / 60 for sample in self.samples],
            [sample.own_mib for sample in self.samples],
        ).slope
        return float(slope)

    def complaints(self, most_growth_mib_per_minute: float) -> list[str]:
        """Why the soak is not passed; empty if it is."""
        levels, growth = self.rest.levels, self.growth_mib_per_minute
        # A server tells of its blocks with its first request.
        blocks_before = sum(self.samples[0].levels.device.values())
        blocks = sum(levels.device.values())
        checks = {
            "no request was sent": self.requests == 0,
            f"{self.failures} of {self.requests} requests failed": self.failures > 0,
            f"{levels.parked} requests are still parked": levels.parked > 0,
            f"{levels.questions} questions still wait for a human": levels.questions > 0,
            f"{levels.running} requests still run": levels.running > 0,
            f"{levels.waiting} requests still wait": levels.waiting > 0,
            f"{levels.held_blocks} blocks are held by nobody": levels.held_blocks > 0,
            f"there are {blocks} device blocks, not {blocks_before} as before": (
                blocks != blocks_before
            ),
            f"memory grows by {growth:.2f} MiB a minute, more than "
            f"{most_growth_mib_per_minute:g}": growth > most_growth_mib_per_minute,
        }
        return [complaint for complaint, holds in checks.items() if holds]


def counted(stats_csv: Path) -> tuple[int, int]:
    """Requests and failures in locust's ``*_stats.csv``."""
    with stats_csv.open() as file:
        (row,) = [row for row in csv.DictReader(file) if row["Name"] == "Aggregated"]
    return int(row["Request Count"]), int(row["Failure Count"])
