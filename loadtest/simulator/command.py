"""The command ``infercept simulate``."""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic_core import to_json

from intercept_core.policy.registry import create
from loadtest.simulator.hardware import Hardware, from_profile
from loadtest.simulator.machines import HOST_GB, MACHINES
from loadtest.simulator.options import LIMIT, PRECISION, RATE_PER_S, parse
from loadtest.simulator.settings import STOCK, Settings
from loadtest.workloads.scale import Scale

Result = TypeVar("Result")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse(argv)
    # What vLLM says is about an engine that is never started, and PyTorch that Triton is not
    # there. One thread: nothing is computed.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("TORCH_LOGS", "-torch._library.triton")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _look_here_for_policies()
    try:
        settings = _settings(args)
        _try_policies(args.policy, settings)
        (_capacities if args.capacity else _outcomes)(args, settings)
    except (OSError, ValueError) as error:
        print(f"infercept simulate: {error}", file=sys.stderr)
        return 1
    return 0


def _look_here_for_policies() -> None:
    # A console script has its own folder on the path, not the user's. Spawned processes take
    # the path over.
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)


def _try_policies(policies: Sequence[str], settings: Settings) -> None:
    """A mistake in the last one is found before the first is simulated."""
    for policy in policies:
        if policy != STOCK:
            create(policy, settings.policy_options)


def _outcomes(args: argparse.Namespace, settings: Settings) -> None:
    # Imported late, as vLLM takes seconds, and --help should not.
    from loadtest.simulator.runs import outcome
    from loadtest.simulator.table import outcome_table

    found = list(_each(args, partial(outcome, settings)))
    _print(outcome_table(f"{settings.title}, {settings.rate_per_s:g} requests /s", found))
    _write(args.json, [result.as_dict() for result in found])


def _capacities(args: argparse.Namespace, settings: Settings) -> None:
    from loadtest.simulator.runs import idle_latency, largest_rate
    from loadtest.simulator.table import capacity_table

    near_per_s = {} if args.near is None else _rates(args.near)
    limit_s = (args.limit or LIMIT) * idle_latency(settings)
    search = partial(largest_rate, settings, limit_s, args.precision or PRECISION, near_per_s)
    found = list(_each(args, search))
    rows = list(zip(args.policy, found, strict=True))
    _print(capacity_table(settings.title, limit_s, rows))
    _write(args.json, [{"policy": policy, **asdict(result)} for policy, result in rows])


def _rates(path: Path) -> dict[str, float]:
    """The rates that an earlier search wrote."""
    try:
        earlier = json.loads(path.read_text())
        return {one["policy"]: one["kept_per_s"] for one in earlier if one["kept_per_s"] > 0}
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"--near {path}: not what --capacity --json writes ({error!r})"
        ) from error


def _each(args: argparse.Namespace, run: Callable[[str], Result]) -> Iterator[Result]:
    if args.jobs == 1:
        results = map(run, args.policy)
        yield from _announced(args.policy, results)
        return
    # Spawned: vLLM's threads and torch's do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.jobs, mp_context=context) as executor:
        yield from _announced(args.policy, executor.map(run, args.policy))


def _announced(policies: Sequence[str], results: Iterator[Result]) -> Iterator[Result]:
    """The results as they come, under a bar, which a terminal shows."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    console = Console(stderr=True)
    columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns,
        TextColumn("{task.description}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("", total=len(policies))
        for policy in policies:
            bar.update(task, description=policy)
            result = next(results)
            console.print(f"{policy}: done", markup=False, highlight=False)
            bar.advance(task)
            yield result


def _print(table: Any) -> None:
    from rich.console import Console

    # A table that is cut to the width of a file is of no use.
    Console(width=None if sys.stdout.isatty() else 240).print(table)


def _write(path: Path | None, results: list[dict[str, Any]]) -> None:
    if path is not None:
        path.write_bytes(to_json(results, indent=2, inf_nan_mode="null") + b"\n")


def _settings(args: argparse.Namespace) -> Settings:
    return Settings(
        hardware_name=args.hardware if args.profile is None else args.profile.name,
        hardware=_hardware(args),
        rate_per_s=args.rate or RATE_PER_S,
        duration_s=args.duration,
        trace=args.trace,
        scale=Scale(args.scale_tokens, args.scale_seconds, args.scale_count),
        seed=args.seed,
        prefix_caching=args.prefix_caching,
        eta_error=(args.eta_error or 0.0) if args.etas else None,
        drain=bool(args.drain),
        check=args.check,
        policy_options=args.policy_options or {},
        recompute_slowdown=args.recompute_slowdown,
    )


def _hardware(args: argparse.Namespace) -> Hardware:
    if args.profile is None:
        return MACHINES[args.hardware].hardware(args.host_gb or HOST_GB)
    return from_profile(args.profile, args.device_blocks, args.host_blocks, args.block_tokens)
