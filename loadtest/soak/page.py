"""A soak as a page of the documentation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadtest.soak.levels import Levels
from loadtest.soak.memory import Memory, Usage, total
from loadtest.soak.record import MIB, Record, Sample


@dataclass(frozen=True, slots=True)
class Setting:
    """What was done.

    Attributes:
        command: As it was typed.
        machine: What it ran on.
        note: What else is to be known.
        minutes: Of the load that is measured.
        users: How many.
        table: What locust measured, as Markdown.
        most_growth_mib_per_minute: Growth that would have been too much.
    """

    command: str
    machine: str
    note: str
    minutes: float
    users: int
    table: str
    most_growth_mib_per_minute: float


def page(record: Record, setting: Setting) -> str:
    """The page as Markdown."""
    complaints = record.complaints(setting.most_growth_mib_per_minute)
    verdict = "Passed." if not complaints else f"Not passed: {'; '.join(complaints)}."
    growth = record.growth_mib_per_minute
    parts = [
        "# Soak",
        f"`{setting.command}`, on {setting.machine}. {setting.note}".strip(),
        f"{verdict} In {setting.minutes:g} minutes {setting.users} users sent "
        f"{record.requests} requests, the answers of humans included; {record.failures} "
        f"failed. Each cell of times is median / p90 / p99; what the columns mean is in "
        "[loadtest.md](../loadtest.md).",
        setting.table.strip(),
        "## Requests and blocks",
        _levels_table(record),
        "`at rest` is after the last user had gone and everything had come to rest.",
        "## Memory",
        f"A straight line through the {len(record.samples)} samples taken under load after "
        f"the warm-up grows by {growth:+.2f} MiB a minute, of "
        f"{record.samples[-1].own_mib:,.0f} MiB; more than "
        f"{setting.most_growth_mib_per_minute:g} would have failed the soak. In MiB, without "
        "the files that processes have mapped; a page that several share is split among them, "
        "so that the columns add up.",
        _memory_table(record),
    ]
    if record.skipped:
        parts.append(
            f"{record.skipped} more samples are missing: an engine was too busy to say what "
            "it held."
        )
    return "\n\n".join(parts) + "\n"


def _levels_table(record: Record) -> str:
    columns = {
        "before": record.fresh.levels,
        "start of load": record.samples[0].levels,
        "end of load": record.samples[-1].levels,
        "at rest": record.rest.levels,
    }
    names = list(dict.fromkeys(n for levels in columns.values() for n, _ in _counts(levels)))
    rows = [
        [name, *(str(dict(_counts(levels)).get(name, 0)) for levels in columns.values())]
        for name in names
    ]
    return _table(["", *columns], rows)


def _counts(levels: Levels) -> Iterator[tuple[str, int]]:
    yield "requests running", levels.running
    yield "requests waiting", levels.waiting
    yield "requests parked", levels.parked
    yield "questions to humans", levels.questions
    for place, blocks in (("device", levels.device), ("host", levels.host)):
        for state, number in sorted(blocks.items()):
            yield f"{place} blocks {state}", number


def _memory_table(record: Record) -> str:
    samples = record.samples
    columns: dict[str, Sample] = {
        "before": record.fresh,
        "start of load": samples[0],
        "a third": samples[len(samples) // 3],
        "two thirds": samples[2 * len(samples) // 3],
        "end of load": samples[-1],
        "at rest": record.rest,
    }
    roles = {role for sample in columns.values() for role in sample.memory}
    largest = sorted(roles, key=lambda role: -_mib(samples[-1].memory, role))
    rows = [
        [
            f"{role} ({samples[-1].memory.get(role, Usage()).processes})",
            *(f"{_mib(sample.memory, role):,.1f}" for sample in columns.values()),
        ]
        for role in largest
    ]
    rows.append(["all", *(f"{sample.own_mib:,.1f}" for sample in columns.values())])
    rss = (total(sample.memory).rss_bytes / MIB for sample in columns.values())
    rows.append(["all, as RSS", *(f"{mib:,.1f}" for mib in rss)])
    return _table(["processes (how many at the end)", *columns], rows)


def _mib(memory: Memory, role: str) -> float:
    return memory.get(role, Usage()).own_bytes / MIB


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---", *("---:" for _ in headings[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
