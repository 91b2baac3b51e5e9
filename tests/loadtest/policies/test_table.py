"""The report's figures are the medians of the runs, beside the first side's."""

from typing import Any

import pytest

from loadtest.policies.table import print_table


def run(side: str, per_s: float, median_s: float = 0.1, **telemetry: float) -> dict[str, Any]:
    times = {"median": median_s, "p90": 2 * median_s}
    return {
        "side": side,
        "completed_per_s": per_s,
        "seconds": 50.0,
        "completed": 50.0 * per_s,
        "computed_tokens": 5000.0,
        "normalized_latency_s": times,
        "ttft_s": times,
        "resume_s": times,
        "telemetry": telemetry,
    }


def totals(recomputed_tokens: float, policy_s: float) -> dict[str, float]:
    return {
        "recomputed_tokens": recomputed_tokens,
        "context_tokens": 1000.0,
        "resumed_swapped": 3.0,
        "resumed": 4.0,
        "policy_s": policy_s,
    }


RESULTS = [
    run("stock", 2.0),
    run("adaptive", 8.0, 0.3, **totals(10.0, 0.5)),
    run("stock", 1.0),
    run("adaptive", 5.0, 0.1, **totals(40.0, 1.0)),
    run("stock", 4.0),
    run("adaptive", 6.0, 0.2, **totals(20.0, 2.0)),
    run("swap", 3.0, **totals(0.0, 0.0)),
]


@pytest.fixture
def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, list[str]]:
    """Side to cells."""
    print_table(RESULTS, "stock")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    return {side: rest for side, *rest in cells}


def test_a_side_has_its_runs_their_median_and_its_range(rows: dict[str, list[str]]) -> None:
    assert [cells[:2] for cells in rows.values()] == [
        ["3", "2.00 (1.00-4.00)"],
        ["3", "6.00 (5.00-8.00)"],
        ["1", "3.00"],  # a single run has no range
    ]


def test_medians_are_compared_with_the_median_of_the_base(rows: dict[str, list[str]]) -> None:
    assert {side: cells[2] for side, cells in rows.items()} == {
        "stock": "1.00",
        "adaptive": "3.00",
        "swap": "1.50",
    }


def test_the_work_is_told_a_second_and_for_each_completed(rows: dict[str, list[str]]) -> None:
    assert rows["adaptive"][3:5] == ["100 (100-100)", "17 (12-20)"]
    assert rows["swap"][3:5] == ["100", "33"]


def test_times_are_in_milliseconds(rows: dict[str, list[str]]) -> None:
    median_ms, p90_ms = "200.0 (100.0-300.0)", "400.0 (200.0-600.0)"
    assert rows["adaptive"][5:10] == [median_ms, p90_ms, median_ms, median_ms, p90_ms]


def test_shares_are_medians_in_percent(rows: dict[str, list[str]]) -> None:
    assert rows["adaptive"][10:] == ["2.0", "75.0", "2.0"]
    assert rows["stock"][10:] == ["-", "-", "-"]  # vLLM's scheduler tells nothing
