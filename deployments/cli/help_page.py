"""The end of a command's help: examples, and what its exit codes mean."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from rich.markup import escape

from deployments import exit_codes

SERVING = "Serve and look after"
DEMO = "Talk to a model"
TUNING = "Policies and measurements"

_ALWAYS = {exit_codes.WRONG_USAGE: "wrong usage"}


def flowing(function: Callable[..., Any] | None) -> str:
    """A docstring whose paragraphs are lines, for a terminal of any width to break."""
    text = (inspect.getdoc(function) if function else None) or ""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def page(*examples: str, codes: Mapping[int, str] | None = None) -> str:
    """Both as the rich text that typer prints below the options."""
    lines = ["[bold]Examples[/bold]", *(f"  [cyan]$[/cyan] {escape(one)}" for one in examples)]
    if codes is not None:
        meanings = dict(sorted({**codes, **_ALWAYS}.items()))
        lines += ["", "[bold]Exit codes[/bold]"]
        lines += [f"  {code:<3} {meaning}" for code, meaning in meanings.items()]
    return "\n".join(lines)
