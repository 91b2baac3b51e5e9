"""Latency of every kind beside the paper's, and what the bus adds to a call.

``python -m loadtest.augmentations --help``
"""

import argparse
import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from augment_workers.registry import BUILT_IN
from deployments.config import ServeConfig
from deployments.progress import Progress
from deployments.serving.local_ray import local_ray
from loadtest.augmentations.latency import HEADINGS, measure_kinds, text
from loadtest.augmentations.samples import SAMPLES
from loadtest.servers import first_application

TARGET_P50_S = 0.008
TARGET_P99_S = 0.030
TARGET_INLINE_S = 0.0005

INLINE_CALLS = 160

STAMPED = "stamped"

_Row = tuple[str, ...]


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=("all", "kinds", "bus"), default="all")
    parser.add_argument("--config", type=Path, default=Path("configs/demo.yaml"))
    parser.add_argument("--kinds", nargs="+", default=list(SAMPLES), choices=list(BUILT_IN))
    parser.add_argument("--calls", type=int, default=100, help="of each kind, at most")
    parser.add_argument("--within-s", type=float, default=60.0, help="for each kind")
    parser.add_argument("--concurrency", type=int, default=20)
    parser.add_argument("--interceptions", type=int, default=640)
    parser.add_argument("--work-s", type=float, default=0.5, help="mean work of a call")
    parser.add_argument("--engine-config", type=Path, default=Path("configs/tiny.yaml"))
    arguments = parser.parse_args()
    if arguments.part in ("all", "kinds"):
        _print_kinds(arguments)
    if arguments.part in ("all", "bus"):
        _print_bus(arguments)


def _print_kinds(arguments: argparse.Namespace) -> None:
    config = first_application(arguments.config)
    measured = asyncio.run(
        measure_kinds(
            arguments.kinds, config, calls=arguments.calls, within_s=arguments.within_s
        )
    )
    print_table("seconds of a call", HEADINGS, [one.row for one in measured])
    print("chatbot: a human who answers at once, so what is told is its own time alone")


def _print_bus(arguments: argparse.Namespace) -> None:
    config = bus_config(first_application(arguments.engine_config))
    os.environ.update(config.env)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    with local_ray():
        measured = asyncio.run(_measure_bus(config, arguments))
    print_table("the road to an augmentation and back", _BUS_HEADINGS, measured)


async def _measure_bus(config: ServeConfig, arguments: argparse.Namespace) -> list[_Row]:
    from ray import serve

    from deployments.api.server_tools import ServerTools
    from deployments.builder import worker_application
    from deployments.models import resolve
    from deployments.pools.routes import AugmentationRoutes
    from deployments.replica.engine_factory import make_engine
    from loadtest.augmentations.overhead import Sessions

    progress = Progress()
    progress.step("starting a worker and the engine")
    serve.start(proxy_location="Disabled")
    section = config.augmentations[STAMPED]
    application = worker_application(STAMPED, section)
    handle = serve.run(application, name=STAMPED, route_prefix=None)
    engine, _ = make_engine(config, resolve(config.model))
    workers = {STAMPED: handle}
    tools = await ServerTools.of(config.augmentations, workers)
    routes = AugmentationRoutes(config.augmentations, workers, tools, eta_sink=engine.push_etas)
    try:
        engine.attach(routes.bus, config.dialect)
        sessions = Sessions(engine)
        many = arguments.concurrency
        progress.step("warming up")
        await sessions.overhead(many, many * 8, arguments.work_s / 5)
        rows: list[_Row] = []
        for concurrency in dict.fromkeys((1, many)):
            progress.step(f"remote calls, {concurrency} at a time")
            count = arguments.interceptions if concurrency == many else 64
            overhead = await sessions.overhead(concurrency, count, arguments.work_s)
            rows += _told(progress, overhead_rows(overhead))
        for concurrency in dict.fromkeys((1, many)):
            progress.step(f"inline calls, {concurrency} at a time")
            taken = await sessions.inline(concurrency, INLINE_CALLS)
            name = f"inline calculator, {concurrency} at a time: call to result"
            rows += _told(progress, [_row(name, taken, TARGET_INLINE_S, None)])
        return rows
    finally:
        await routes.close()
        engine.shutdown()
        serve.shutdown()


def _told(progress: Progress, rows: list[_Row]) -> list[_Row]:
    """``rows``, which are also told at once: what follows may be interrupted."""
    for row in rows:
        progress.step("  ".join(filter(None, row)))
    return rows


def bus_config(served: ServeConfig) -> ServeConfig:
    """``served``, with a model that makes the benchmark's calls."""
    engine = served.engine | {
        "logits_processors": ["loadtest.augmentations.scripted_calls:ScriptedCalls"],
        "max_num_seqs": 32,
    }
    return ServeConfig.model_validate(
        {
            "model": served.model,
            "engine": engine,
            "env": served.env,
            "augmentations": {
                "calculator": {"type": "calculator", "inline": True},
                STAMPED: {"type": "loadtest.augmentations.stamped:Stamped"},
            },
        }
    )


_BUS_HEADINGS = ("from … to", "calls", "p50", "p99", "longest", "target p50 / p99")


def overhead_rows(overhead: Any) -> list[_Row]:
    """The lines of one number of concurrent requests."""
    at = f"{overhead.concurrency} at a time"
    return [
        _row(
            f"{at}: call to start of the work", overhead.to_worker, TARGET_P50_S, TARGET_P99_S
        ),
        _row(
            f"{at}: end of the work to request", overhead.to_session, TARGET_P50_S, TARGET_P99_S
        ),
        _row(f"{at}: end of the work to next token", overhead.to_token, None, None),
        (
            f"{at}: parked in the scheduler, less the work",
            "",
            text(overhead.scheduler_s),
            *("",) * 3,
        ),
    ]


def _row(name: str, taken: Any, p50_s: float | None, p99_s: float | None) -> _Row:
    met = [
        f"{text(target)} {'met' if found <= target else 'MISSED'}"
        for found, target in ((taken.p50_s, p50_s), (taken.p99_s, p99_s))
        if target is not None
    ]
    times = (text(taken.p50_s), text(taken.p99_s), text(taken.most_s))
    return name, str(taken.count), *times, " / ".join(met)


def print_table(title: str, headings: Sequence[str], rows: Sequence[_Row]) -> None:
    """Prints a table."""
    table = Table(title=title)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
