"""``infercept doctor``."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from deployments import exit_codes
from deployments.doctor.examination import Check, checks
from deployments.doctor.finding import Finding
from deployments.doctor.machine import Machine
from deployments.serving.command import endpoint_of
from deployments.serving.deploy_file import DeployFileError, load_deploy_file

FILE_WIDTH = 110

_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


def doctor_command(config: Path, *, port: int | None = None, as_json: bool = False) -> int:
    """Looks and prints; returns the exit code of the program."""
    try:
        file = load_deploy_file(config)
    except DeployFileError as error:
        print(f"infercept: {error}", file=sys.stderr)
        return exit_codes.FAILED
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    endpoint = endpoint_of(file, None, port)
    found = list(examined(list(checks(config, file, endpoint, Machine.here()))))
    if as_json:
        told = {"config": str(config), "checks": [asdict(finding) for finding in found]}
        print(json.dumps(told, indent=2))
    else:
        console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
        report(found, config, console)
    return verdict(found)


def examined(wanted: list[Check], console: Console | None = None) -> Iterator[Finding]:
    """Runs the checks under a bar, which a terminal shows."""
    console = console or Console(stderr=True)
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=len(wanted))
        for check in wanted:
            bar.update(task, description=check.doing)
            yield check.run()
            bar.advance(task)


def verdict(found: Iterable[Finding]) -> int:
    """The exit code: warnings stand in nobody's way."""
    failed = any(finding.state == "fail" for finding in found)
    return exit_codes.FAILED if failed else exit_codes.DONE


def report(found: list[Finding], config: Path, console: Console) -> None:
    """Prints what was found, and what to do."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for finding in found:
        table.add_row(*_row(finding))
    console.print(table)
    console.print()
    console.print(_summary(found, config))


def _row(finding: Finding) -> tuple[Text, Text, Text]:
    mark, color = _MARKS[finding.state]
    text = Text(finding.found)
    if finding.remedy:
        text.append(f"\n→ {finding.remedy}", style=color)
    for note in finding.notes:
        text.append(f"\n{note}", style="bright_black")
    return Text(mark, style=f"bold {color}"), Text(finding.check, style="bold"), text


def _summary(found: list[Finding], config: Path) -> Text:
    failed = sum(finding.state == "fail" for finding in found)
    warned = sum(finding.state == "warn" for finding in found)
    if failed:
        return Text(f"{config} cannot be served here yet: {failed} to repair", "bold red")
    if warned:
        return Text(f"{config} can be served here; {warned} to look at", "bold yellow")
    return Text(f"all is well: infercept serve {config}", "bold green")
