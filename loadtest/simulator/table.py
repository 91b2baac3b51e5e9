"""Outcomes side by side."""

from collections.abc import Callable, Sequence

from rich.table import Table

from loadtest.simulator.capacity import Capacity
from loadtest.simulator.outcome import Outcome

Row = tuple[str, Callable[[Outcome], str]]


def outcome_table(title: str, outcomes: Sequence[Outcome]) -> Table:
    """One column a policy."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for outcome in outcomes:
        table.add_column(outcome.policy, justify="right")
    for section in (_SERVICE, _ENGINE, _WASTE, _CONTEXTS):
        for name, cell in section:
            table.add_row(name, *map(cell, outcomes))
        table.add_section()
    return table


def capacity_table(
    title: str, limit_s: float, capacities: Sequence[tuple[str, Capacity]]
) -> Table:
    """One row a policy, beside the first one's."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("policy")
    table.add_column("requests /s", justify="right")
    first_name, first = capacities[0]
    table.add_column(f"times {first_name}", justify="right")
    table.caption = f"median normalized latency up to {limit_s * 1e3:.1f} ms a token"
    for name, found in capacities:
        ratio = found.kept_per_s / first.kept_per_s if first.kept_per_s else float("nan")
        table.add_row(name, f"{found.kept_per_s:.3g}", f"{ratio:.2f}")
    return table


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f}"


def _s(seconds: float) -> str:
    return f"{seconds:,.2f}"


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def _total(name: str) -> Row:
    def cell(outcome: Outcome) -> str:
        return _count(outcome.telemetry[name]) if name in outcome.telemetry else "-"

    return name.replace("_", " "), cell


def _waste(name: str, label: str) -> Row:
    return label, lambda o: f"{100 * o.waste.shares()[name]:.2f}"


def _recomputed_resumes(outcome: Outcome) -> str:
    totals = outcome.telemetry
    if not totals:
        return "-"
    found = totals["resumed_preserved"] + totals["resumed_swapped"]
    return _count(totals["resumed"] - found)


def _policy_us(outcome: Outcome) -> str:
    if not outcome.telemetry or not outcome.iterations:
        return "-"
    return _count(1e6 * outcome.telemetry["policy_s"] / outcome.iterations)


_SERVICE: tuple[Row, ...] = (
    ("completed requests /s", lambda o: f"{o.throughput_per_s:.3f}"),
    ("normalized latency, median (ms/token)", lambda o: _ms(o.normalized_latency_s.median)),
    ("normalized latency, p90 (ms/token)", lambda o: _ms(o.normalized_latency_s.p90)),
    ("time to first token, median (s)", lambda o: _s(o.ttft_s.median)),
    ("time to first token, p90 (s)", lambda o: _s(o.ttft_s.p90)),
    ("result to next token, median (s)", lambda o: _s(o.resume_s.median)),
    ("result to next token, p90 (s)", lambda o: _s(o.resume_s.p90)),
    ("arrived", lambda o: _count(o.conversations)),
    ("not ended at the end", lambda o: _count(o.unfinished)),
)
_ENGINE: tuple[Row, ...] = (
    ("simulated (s)", lambda o: _count(o.span_s)),
    ("iterations", lambda o: _count(o.iterations)),
    ("busy (% of time)", lambda o: _share(o.forward_s + o.stall_s, o.span_s)),
    ("computing again (% of forward time)", lambda o: _share(o.recompute_s, o.forward_s)),
    ("waiting for copies (% of time)", lambda o: _share(o.stall_s, o.span_s)),
    ("preemptions", lambda o: _count(o.preemptions)),
    ("policy (us of processor an iteration)", _policy_us),
)
_WASTE: tuple[Row, ...] = (
    _waste("parked", "wasted: parked (% of memory-time)"),
    _waste("returning", "wasted: on the way back (%)"),
    _waste("recompute", "wasted: computing again (%)"),
    _waste("stall", "wasted: waiting for copies (%)"),
)
_CONTEXTS: tuple[Row, ...] = (
    _total("parked"),
    _total("resumed_preserved"),
    _total("resumed_swapped"),
    ("resumed recomputing", _recomputed_resumes),
    ("decided: discard", _total("discarded")[1]),
    ("decided: mirror", _total("mirrored")[1]),
    ("decided: swap", _total("swapped")[1]),
    _total("reclaimed"),
    _total("reclaimed_mirrors"),
    _total("host_evictions"),
    _total("blocks_swapped_out"),
    _total("blocks_swapped_in"),
)
