"""``infercept policies``: what can decide about waiting contexts."""

import inspect
import json
import re
import sys
from dataclasses import asdict, dataclass

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deployments import exit_codes
from intercept_core.policy.base import Policy
from intercept_core.policy.registry import DEFAULT_POLICY, POLICIES

FILE_WIDTH = 140


@dataclass(frozen=True, slots=True)
class Option:
    """One of ``scheduler.policy_options``.

    Attributes:
        name: In the YAML.
        default: What holds without it.
        meaning: From the policy's docstring.
    """

    name: str
    default: object
    meaning: str


@dataclass(frozen=True, slots=True)
class PolicyCard:
    """What one has to know to choose a policy.

    Attributes:
        name: ``scheduler.policy`` in the YAML.
        summary: What it does.
        options: What it takes.
        default: Whether it is the one without a word in the YAML.
        servable: Whether it needs nothing that only experiments know.
    """

    name: str
    summary: str
    options: tuple[Option, ...]
    default: bool
    servable: bool


def policies_command(*, as_json: bool = False) -> int:
    """Prints all of them; returns the exit code of the program."""
    cards = [card(policy) for policy in POLICIES.values()]
    if as_json:
        print(json.dumps([asdict(one) for one in cards], indent=2))
        return exit_codes.DONE
    console = Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
    console.print(_table(cards))
    console.print(
        "In the YAML: scheduler.policy and scheduler.policy_options\n"
        "Your own: package.module:Class (docs/policies.md)\n"
        "Compare them: infercept simulate, infercept bench policies",
        style="dim",
        highlight=False,
    )
    return exit_codes.DONE


def card(policy: type[Policy]) -> PolicyCard:
    """From a policy's docstring and constructor."""
    text = inspect.getdoc(policy) or ""
    summary, _, rest = text.partition("\n\n")
    meanings = _meanings(rest)
    parameters = list(inspect.signature(policy).parameters.values())
    options = tuple(
        Option(one.name, one.default, meanings.get(one.name, ""))
        for one in parameters
        if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    )
    return PolicyCard(
        name=policy.name,
        summary=_one_line(summary),
        options=options,
        default=policy.name == DEFAULT_POLICY,
        servable=not policy.needs_truth,
    )


def _meanings(text: str) -> dict[str, str]:
    """The arguments that a docstring explains."""
    _, _, arguments = text.partition("Args:\n")
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", arguments, re.MULTILINE)
    return {name: _one_line(meaning) for name, meaning in found}


def _one_line(text: str) -> str:
    return " ".join(text.replace("``", "").split())


def _table(cards: list[PolicyCard]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="dim", padding=(0, 1))
    table.add_column("policy", no_wrap=True)
    table.add_column("what it does", ratio=3)
    table.add_column("options", ratio=2)
    for one in cards:
        name = f"[bold cyan]{one.name}[/]" + (" [dim](default)[/]" if one.default else "")
        if not one.servable:
            name += " [dim](experiments only)[/]"
        options = "\n".join(_option(option) for option in one.options)
        table.add_row(name, escape(one.summary), options or "[dim]none[/]")
    return table


def _option(option: Option) -> str:
    default = "" if option.default is None else f" = {option.default}"
    meaning = f": {escape(option.meaning)}" if option.meaning else ""
    return f"[cyan]{option.name}[/]{escape(default)}{meaning}"
