"""Measures as rows of locust's statistics, so that its page, CSV and HTML show them."""

from collections.abc import Mapping
from typing import Protocol

from loadtest.load.measures import Measures

REQUEST = "POST"
TTFT = "TTFT"
GAP = "ITL"
RESUME = "resume"
NORMALIZED = "norm.lat"
AUGMENTED = "in tools"
CALL = "call"
FAILED_CALL = "bad call"
ANSWER = "answer"

MEASURES = (TTFT, GAP, RESUME, NORMALIZED, AUGMENTED, REQUEST)
"""Types of the rows that stand for a measure of requests, by the kind of the request."""


class Entry(Protocol):
    """What is used of ``locust.stats.StatsEntry``."""

    num_failures: int
    num_requests: int
    response_times: Mapping[float, int]
    total_content_length: int

    def log(self, response_time: float, content_length: int) -> None:
        """Adds one value, in milliseconds."""
        ...


class Statistics(Protocol):
    """What is used of ``locust.stats.RequestStats``."""

    def get(self, name: str, method: str) -> Entry:
        """The row of this name and type, made if there is none."""
        ...


def record(statistics: Statistics, kind: str, measures: Measures) -> None:
    """Adds a request's measures to the rows of its kind.

    They go to their rows alone, not through locust's event of requests, which would count
    every one of them as a request in all totals. The size in the rows of the normalized
    latency is what the model wrote, in tokens.
    """

    def log(method: str, seconds: float, size: int = 0, name: str = kind) -> None:
        statistics.get(name, method).log(1e3 * seconds, size)

    log(TTFT, measures.ttft_s)
    for gap_s in measures.gaps_s:
        log(GAP, gap_s)
    for resume_s in measures.resumes_s:
        log(RESUME, resume_s)
    log(NORMALIZED, measures.normalized_s, measures.completion_tokens)
    log(AUGMENTED, measures.augmented_s)
    for call in measures.calls:
        log(CALL, call.seconds, name=call.kind)
        if call.error_code is not None:
            log(FAILED_CALL, call.seconds, name=f"{call.kind}: {call.error_code}")


def three_figures(milliseconds: float) -> float:
    """The key under which locust counts a time, in place of its own whole milliseconds."""
    return float(f"{milliseconds:.3g}")
