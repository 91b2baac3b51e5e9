"""A status at a terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deployments.status import waste
from deployments.status.report import DeploymentStatus, EngineStatus, ServerStatus
from deployments.status.units import count, duration, size

BAR_CELLS = 24

STYLES = {
    "running": "green",
    "preserved": "yellow",
    "swapped": "yellow",
    "swapping": "magenta",
    "cached": "blue",
    "free": "bright_black",
}
"""States of blocks, in the order of bars."""

_HEALTH = {"HEALTHY": "green", "RUNNING": "green", "UPDATING": "yellow", "UNHEALTHY": "red"}
_HEALTH |= {"UPSCALING": "yellow", "DOWNSCALING": "yellow", "DEPLOY_FAILED": "red"}


def screen(status: ServerStatus, before: ServerStatus | None = None, where: str = "") -> Group:
    """All that a status says.

    Args:
        status: As it was told.
        before: An earlier one, from which recent waste is counted.
        where: Who was asked.
    """
    parts: list[RenderableType] = [_heading(status, where), Text(), _deployments(status)]
    for engine in status.engines:
        parts += [Text(), _engine(engine)]
    if status.silent:
        told = f"{count(status.silent, 'engine')} did not answer in time"
        parts += [Text(), Text(told, style="bold red")]
    parts += [Text(), _waste(status, before)]
    return Group(*parts)


def _heading(status: ServerStatus, where: str) -> Text:
    facts = [status.model, f"policy {status.policy}"]
    facts += [where] if where else []
    heading = Text(status.application, style="bold")
    return heading.append(f"  {' · '.join(facts)}", style="not bold")


def _deployments(status: ServerStatus) -> RenderableType:
    if not status.deployments:
        return Text("Ray Serve's controller did not say how the deployments are", style="red")
    table = _table("deployment", "state", "replicas", "")
    for deployment in status.deployments:
        table.add_row(*_deployment(deployment))
    return table


def _deployment(deployment: DeploymentStatus) -> Sequence[RenderableType]:
    state = Text(deployment.status.lower(), style=_HEALTH.get(deployment.status, "red"))
    replicas = ", ".join(f"{n} {name.lower()}" for name, n in deployment.replicas.items())
    return deployment.name, state, replicas or "none", Text(deployment.message, style="dim")


def _engine(engine: EngineStatus) -> Group:
    requests = f"{engine.running} running · {engine.waiting} waiting"
    title = Text.assemble(
        ("engine ", "bold"),
        (engine.replica, "bold"),
        f"  up {duration(engine.uptime_s)} · {requests} · ",
        (f"{engine.parked_requests} parked", "yellow" if engine.parked else ""),
        f" · {count(engine.intercepted, 'interception')} since the start",
    )
    memory = Table.grid(padding=(0, 2))
    for _ in range(3):  # what is left of a narrow terminal is the legend's
        memory.add_column(no_wrap=True)
    memory.add_row("  device", *_memory(engine.device_blocks, engine.block_bytes))
    if engine.host_blocks is not None:
        memory.add_row("  host", *_memory(engine.host_blocks, engine.block_bytes))
    parts: list[RenderableType] = [title, memory]
    if engine.parked:
        parts.append(_parked(engine))
    if any(engine.resumed.values()):
        parts.append(Text(f"  contexts of those resumed: {_shares(engine.resumed)}"))
    return Group(*parts)


def _memory(blocks: Mapping[str, int], block_bytes: int) -> tuple[RenderableType, ...]:
    total = sum(blocks.values())
    states = [state for state in STYLES if state in blocks]
    legend = Text(" · ").join(
        Text.assemble(
            (state, STYLES[state]), f"\N{NO-BREAK SPACE}{_whole(blocks[state] * block_bytes)}"
        )
        for state in states
        if blocks[state] or state == "free"
    )
    whole = Text(size(total * block_bytes), justify="right")
    return bar({state: blocks[state] for state in states}), whole, legend


def _whole(size_bytes: int) -> str:
    return size(size_bytes).replace(" ", "\N{NO-BREAK SPACE}")


def bar(shares: Mapping[str, int], cells: int = BAR_CELLS) -> Text:
    """Parts of a whole side by side; a part that is there at all gets a cell."""
    total = sum(shares.values())
    text = Text()
    left = cells
    for state, part in shares.items():
        if not part or state == "free":
            continue
        wide = min(max(round(cells * part / total), 1), left)
        text.append("█" * wide, style=STYLES[state])
        left -= wide
    return text.append("░" * left, style=STYLES["free"])


def _parked(engine: EngineStatus) -> Table:
    table = _table("  parked", "requests", "longest wait", "contexts", "to be")
    for kind in engine.parked:
        table.add_row(
            f"  {kind.kind or 'not told yet'}",
            str(kind.requests),
            duration(kind.longest_s),
            f"{kind.context_tokens:,} tokens",
            _shares(kind.dispositions),
        )
    return table


def _shares(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in numbers.items() if n) or "none"


def _waste(status: ServerStatus, before: ServerStatus | None) -> Table:
    columns = {"since the start": waste.since_start(status)}
    if before is not None:
        columns["since the last look"] = waste.between(before, status)
    table = _table("waste", *columns)
    causes = list(dict.fromkeys(cause for rates in columns.values() for cause in rates))
    for cause in causes:
        table.add_row(cause, *(_rate(rates.get(cause, 0.0)) for rates in columns.values()))
    table.add_row("[bold]all", *(_rate(sum(rates.values())) for rates in columns.values()))
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _rate(bytes_on_average: float) -> str:
    value, _, unit = size(bytes_on_average).partition(" ")
    return f"{value} {unit}·s/s"


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for heading in headings:
        table.add_column(heading)
    return table
