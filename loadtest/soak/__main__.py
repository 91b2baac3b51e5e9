"""Serves a configuration and loads it with the mix for a long time, looking at its memory.

Fails if a request fails, if memory grows, or if anything is held or parked in the end.
``python -m loadtest.soak --help``
"""

import argparse
import platform
import shlex
import sys
from functools import partial
from pathlib import Path

import psutil

from deployments.progress import Progress
from loadtest.load.locust_run import LocustRun, need_locust
from loadtest.servers import free_port, infercept_server
from loadtest.soak.levels import levels_at
from loadtest.soak.page import Setting, page
from loadtest.soak.record import Record, counted
from loadtest.soak.sampler import Sampler
from loadtest.soak.warm_up import begin_games, compute_batches

SERVER_MODULE = "deployments.cli"
REST_S = 120.0
"""How long the server may take to come to rest: its longest deadline but the human's."""


def main() -> int:
    """Runs the soak; returns 1 if it is not passed."""
    arguments = parser().parse_args()
    need_locust()
    progress = Progress()
    record = soak(arguments, progress)
    setting = Setting(
        command=_command(arguments),
        machine=_machine(),
        note=arguments.note,
        minutes=arguments.minutes,
        users=arguments.users,
        table=(arguments.results / "load" / "table.md").read_text(),
        most_growth_mib_per_minute=arguments.most_growth,
    )
    text = page(record, setting)
    print(text)
    arguments.page.parent.mkdir(parents=True, exist_ok=True)
    arguments.page.write_text(text)
    complaints = record.complaints(arguments.most_growth)
    for complaint in complaints:
        print(f"not passed: {complaint}", file=sys.stderr)
    return int(bool(complaints))


def soak(arguments: argparse.Namespace, progress: Progress) -> Record:
    """Serves, loads and looks."""
    load = ["--think-scale", str(arguments.think_scale)]
    folder: Path = arguments.results
    progress.step(f"starting {arguments.config}")
    with infercept_server(arguments.config, free_port()) as url:
        sampler = Sampler(_server(), partial(levels_at, url))
        fresh = sampler.look()
        progress.step("computing batches of all sizes")
        compute_batches(url)
        progress.step("beginning games")
        begin_games(url, folder / "games")
        progress.step(f"warming up for {arguments.warm_up:g} minutes")
        seconds = 60 * arguments.warm_up
        LocustRun(url, arguments.users, seconds, folder / "warm-up", load).run()
        progress.step(f"loading for {arguments.minutes:g} minutes")
        sampler.start()
        with sampler.every(arguments.interval) as samples:
            seconds = 60 * arguments.minutes
            another = [*load, "--seed", "1"]
            LocustRun(url, arguments.users, seconds, folder / "load", another).run()
        progress.step("waiting until everything rests")
        sampler.rests_within(REST_S)
        rest = sampler.look()
    requests, failures = counted(folder / "load" / "load_stats.csv")
    return Record(fresh, samples, rest, requests, failures, sampler.skipped)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m loadtest.soak", description=__doc__)
    add = made.add_argument
    add("--config", type=Path, default=Path("configs/demo.yaml"))
    add("--minutes", type=float, default=10.0)
    add("--warm-up", type=float, default=2.0, help="minutes of load before, not measured")
    add("--users", type=int, default=6)
    add("--think-scale", type=float, default=0.1, help="on the time that humans think")
    add("--interval", type=float, default=10.0, help="seconds between two looks")
    add("--most-growth", type=float, default=1.0, help="of memory, in MiB a minute")
    add("--results", type=Path, default=Path("results/soak"), help="a folder")
    add("--page", type=Path, default=Path("results/soak/soak.md"), help="Markdown to write")
    add("--note", default="", help="a sentence for the page")
    return made


def _command(arguments: argparse.Namespace) -> str:
    """The command line that does the same again."""
    defaults = vars(parser().parse_args([]))
    words = ["python", "-m", "loadtest.soak"]
    for name, value in vars(arguments).items():
        if name not in ("note", "page", "results") and value != defaults[name]:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _server() -> psutil.Process:
    """The server's first process, a child of this one."""
    (found,) = [
        child for child in psutil.Process().children() if SERVER_MODULE in child.cmdline()
    ]
    return found


def _machine() -> str:
    gib = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} cores ({platform.machine()}) with {gib:.0f} GiB"


if __name__ == "__main__":
    sys.exit(main())
