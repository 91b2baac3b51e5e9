"""Runs side by side."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

Result = dict[str, Any]
Cell = Callable[[Result], float]


def print_table(results: Sequence[Result], base: str) -> None:
    """Prints one row a side, its median over the runs and their range; ``base`` is 1."""
    sides = list(dict.fromkeys(result["side"] for result in results))
    of = {side: [r for r in results if r["side"] == side] for side in sides}
    base_per_s = median(r["completed_per_s"] for r in of[base])
    table = Table(title="medians of the runs, and their range")
    table.add_column("side")
    titles = ("runs", "completed /s", f"x {base}", *_WORK, *_TIMES, *_TELEMETRY)
    for title in titles:
        table.add_column(title, justify="right")
    for side, runs in of.items():
        per_s = [run["completed_per_s"] for run in runs]
        cells = [str(len(runs)), _spread(per_s, "{:.2f}"), f"{median(per_s) / base_per_s:.2f}"]
        cells += [_spread([cell(run) for run in runs], "{:.0f}") for cell in _WORK.values()]
        for cell in _TIMES.values():
            cells.append(_spread([1e3 * cell(run) for run in runs], "{:.1f}"))
        cells += [_telemetry(runs, cell) for cell in _TELEMETRY.values()]
        table.add_row(side, *cells)
    Console(width=320).print(table)


def _spread(values: Sequence[float], form: str) -> str:
    middle = form.format(median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({form.format(min(values))}-{form.format(max(values))})"


def _telemetry(runs: Sequence[Result], cell: Cell) -> str:
    if not runs[0]["telemetry"]:
        return "-"
    return f"{median(cell(run) for run in runs):,.1f}"


def _share(part: str, whole: str) -> Cell:
    return lambda run: 100 * run["telemetry"][part] / max(run["telemetry"][whole], 1)


_WORK: dict[str, Cell] = {
    # What the machine did, and what was made of it: the first drifts with the machine.
    "computed tokens /s": lambda run: run["computed_tokens"] / run["seconds"],
    "tokens / completed": lambda run: run["computed_tokens"] / max(run["completed"], 1),
}
_TIMES: dict[str, Cell] = {
    "norm. latency (ms)": lambda run: run["normalized_latency_s"]["median"],
    "p90": lambda run: run["normalized_latency_s"]["p90"],
    "first token (ms)": lambda run: run["ttft_s"]["median"],
    "resume (ms)": lambda run: run["resume_s"]["median"],
    "resume p90": lambda run: run["resume_s"]["p90"],
}
_TELEMETRY: dict[str, Cell] = {
    "recomputed (%)": _share("recomputed_tokens", "context_tokens"),
    "swapped resumes (%)": _share("resumed_swapped", "resumed"),
    "policy (% of time)": lambda run: 100 * run["telemetry"]["policy_s"] / run["seconds"],
}
