"""The latest interceptions, until somebody has read of them."""

from collections import deque
from typing import Any

from intercept_core.scheduler.telemetry import ResumeReport

KEPT = 4096
"""Reports that wait for a reader at most, the latest."""


class InterceptionLog:
    """Takes a report of each interception with the first new token after it."""

    def __init__(self) -> None:
        self._reports: deque[ResumeReport] = deque(maxlen=KEPT)

    def add(self, report: ResumeReport) -> None:
        """Notes an interception that is over."""
        self._reports.append(report)

    def take(self) -> list[dict[str, Any]]:
        """What was noted since the last call."""
        reports = [report.as_dict() for report in self._reports]
        self._reports.clear()
        return reports
