"""``simulate`` and ``bench``: programs of the load tests, by name.

Load tests stand above the server, which must not depend on them; each has options and help of
its own, which get the rest of the command line as it is.
"""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.markup import escape

from deployments.cli.help_page import TUNING, page

_ALL = {
    "policies": "Every policy and vLLM's own scheduler on a real engine.",
    "blocking": "What moving and recomputing contexts costs other requests.",
    "policy_cost": "What policy and park table take of an iteration.",
    "augmentations": "Calls of each kind, and what the way there and back adds.",
    "parked": "A new request among parked ones.",
    "overhead": "Plain requests, against vLLM's own server.",
    "load": "Users of all kinds against a server: latencies, failures.",
    "soak": "The same for long: failures, growth of memory, leaked blocks.",
}


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(f"loadtest.{name}") is not None
    except ModuleNotFoundError:  # not even the folder
        return False


BENCHMARKS = {name: what for name, what in _ALL.items() if _is_installed(name)}
"""Modules of ``loadtest`` that run by themselves, and what each measures; an image that only
serves need not have them."""

_PASS_ON = {"allow_interspersed_args": False, "ignore_unknown_options": True}

_SIMULATE_EXAMPLES = page(
    "infercept simulate --policy adaptive discard stock --rate 3",
    "infercept simulate --policy adaptive stock --capacity --no-prefix-caching",
    "infercept simulate --help",
    codes={0: "the table is printed", 1: "an input cannot be used"},
)


def _bench_examples() -> str:
    width = max(map(len, BENCHMARKS))
    listed = [
        f"  [green]{name:<{width}}[/green]  {escape(what)}" for name, what in BENCHMARKS.items()
    ]
    examples = page(
        "infercept bench policies --rate 12 --repeats 1",
        "infercept bench overhead --help",
        codes={0: "it has measured", 1: "it has failed"},
    )
    return "\n".join(["[bold]Benchmarks[/bold]", *listed, "", examples])


@dataclass(frozen=True, slots=True)
class Runner:
    """How a program of the load tests is run; tests hand in another.

    Attributes:
        become: Replaces this process by another program.
        load: Imports a module.
    """

    become: Callable[[str, list[str]], Any] = os.execv
    load: Callable[[str], Any] = importlib.import_module


def add_to(app: typer.Typer) -> None:
    """Adds both commands."""
    app.command(
        rich_help_panel=TUNING,
        context_settings={**_PASS_ON, "help_option_names": []},
        epilog=_SIMULATE_EXAMPLES,
    )(simulate)
    app.command(rich_help_panel=TUNING, context_settings=_PASS_ON, epilog=_bench_examples())(
        bench
    )


def simulate(
    context: typer.Context,
    arguments: Annotated[list[str] | None, typer.Argument(metavar="OPTIONS")] = None,
) -> None:
    """Compare policies under a virtual clock, on the production scheduler."""
    runner = context.obj or Runner()
    command = runner.load("loadtest.simulator.command")
    raise typer.Exit(command.main(arguments or []))


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which; see below.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="OPTIONS", help="Its own; --help behind NAME lists them."),
    ] = None,
) -> None:
    """Run a benchmark by name."""
    if name not in BENCHMARKS:
        raise typer.BadParameter(
            f"{name!r} is none; choose one of {', '.join(BENCHMARKS)}", param_hint="NAME"
        )
    runner = context.obj or Runner()
    # In the place of this process, so that signals and exit codes are the benchmark's own.
    command = [sys.executable, "-m", f"loadtest.{name}", *(arguments or [])]
    runner.become(sys.executable, command)
