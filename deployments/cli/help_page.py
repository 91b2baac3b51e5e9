"""The end of a command's help: examples, and what its exit codes mean."""

from collections.abc import Mapping

from rich.markup import escape

from deployments import exit_codes

SERVING = "Serve and look after"
DEMO = "Talk to a model"
TUNING = "Policies and measurements"

_ALWAYS = {exit_codes.WRONG_USAGE: "wrong usage"}


def page(*examples: str, codes: Mapping[int, str] | None = None) -> str:
    """Both as the rich text that typer prints below the options."""
    lines = ["[bold]Examples[/bold]", *(f"  [cyan]$[/cyan] {escape(one)}" for one in examples)]
    if codes is not None:
        meanings = dict(sorted({**codes, **_ALWAYS}.items()))
        lines += ["", "[bold]Exit codes[/bold]"]
        lines += [f"  {code:<3} {meaning}" for code, meaning in meanings.items()]
    return "\n".join(lines)
