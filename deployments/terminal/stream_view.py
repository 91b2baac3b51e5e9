"""A streamed answer at a terminal: text as it comes, steps of interceptions in between."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from deployments.terminal.words import duration, words

INDENT = "   "

_STYLES = {"running": "cyan", "succeeded": "green", "failed": "red", "resumed": "bright_black"}


class StreamView:
    """Prints what happens; at a terminal, what is under way has a bar and a clock.

    Args:
        answers: Where the text goes.
        steps: Where everything else goes; the same place if not given.
        indent: What every line begins with.
    """

    def __init__(
        self, answers: Console, steps: Console | None = None, *, indent: str = INDENT
    ) -> None:
        self._answers = answers
        self._steps = steps or answers
        self._indent = indent
        self._in_line = False
        self._known: set[str] = set()
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def text(self, text: str) -> None:
        """Some more of the answer."""
        self.rest()
        if not self._in_line:
            text = text.lstrip()
            if not text:
                return
            self._write(self._indent)
        self._in_line = True
        self._write(text.replace("\n", f"\n{self._indent}"))

    def end_line(self) -> None:
        """What follows begins in a line of its own."""
        self.rest()
        if self._in_line:
            self._write("\n")
        self._in_line = False

    def step(self, told: Mapping[str, Any]) -> None:
        """A step of an interception."""
        if told["state"] == "running" and told["id"] in self._known and self._show(told):
            return
        self.end_line()
        self._known.add(told["id"])
        self.note(words(told), _STYLES.get(told["state"], ""))
        if told["state"] == "running":
            self._show(told)
        elif told["state"] in ("succeeded", "failed"):
            self.wait("the model")

    def note(self, text: str, style: str = "bright_black") -> None:
        """A line that is not part of the answer."""
        self.end_line()
        self._steps.print(Text(f"{self._indent}| {text}", style), soft_wrap=True)

    def wait(self, what: str) -> None:
        """Shows that ``what`` is being waited for, until something else happens."""
        self.rest()
        if not self._steps.is_terminal:
            return
        columns = (
            TextColumn(f"{self._indent}[cyan]{{task.description}}"),
            SpinnerColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[share]}"),
            TimeElapsedColumn(),
            TextColumn("[bright_black]{task.fields[left]}"),
        )
        self._bar = Progress(*columns, console=self._steps, transient=True)
        self._task = self._bar.add_task(what, total=None, share="", left="")
        self._bar.start()

    def rest(self) -> None:
        """Takes the bar away, if there is one."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _show(self, told: Mapping[str, Any]) -> bool:
        """Whether a bar shows how far the work is."""
        if self._bar is None or told["id"] not in self._known:
            self.wait(told["kind"])
        if self._bar is None:
            return False
        fraction, eta_s = told.get("fraction"), told.get("eta_s")
        self._bar.update(
            self._task,
            description=told["kind"],
            total=None if fraction is None else 1.0,
            completed=fraction or 0.0,
            share="" if fraction is None else f"{fraction:.0%}",
            left="" if eta_s is None else f"{duration(eta_s)} left",
        )
        return True

    def _write(self, text: str) -> None:
        # A Text, because nothing in a model's words is markup.
        self._answers.print(Text(text), end="", soft_wrap=True)
