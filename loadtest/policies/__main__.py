"""Policies and vLLM's own scheduler on the real CPU engine, under the same arrivals.

Each run is an engine of its own, one at a time. Sides take turns, and the order changes with
every round, so that a drift of the machine meets all. A model of 14 million made-up parameters
answers the six kinds of conversations, scaled down, at a rate that no side bears, with a KV
cache that holds a part of their contexts.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from intercept_core.policy.registry import POLICIES
from loadtest.policies.engine import STOCK, EngineSettings
from loadtest.policies.environment import ONE_ENGINE
from loadtest.policies.model import KV_BYTES_PER_TOKEN
from loadtest.policies.settings import STOCK_PLAIN, Load, engine_settings
from loadtest.policies.table import print_table
from loadtest.workloads.scale import Scale

MAIN_SIDES = (STOCK, "infercept", "adaptive", "oracle")
"""Those that are repeated."""
CALIBRATION_S = 20.0
RUN_TIMEOUT_S = 600.0
GIB = 2**30


def main() -> None:
    """Runs all sides and prints the table."""
    arguments = _arguments()
    load = Load(
        rate_per_s=arguments.rate,
        duration_s=arguments.duration,
        scale=Scale(arguments.scale_tokens, arguments.scale_seconds, arguments.scale_count),
        seed=arguments.seed,
        eta_error=arguments.eta_error,
        plain=arguments.plain,
    )
    bandwidth_gib_per_s = None
    if arguments.copy_share is not None:
        bandwidth_gib_per_s = _bandwidth(arguments, load)
    results: list[dict[str, Any]] = []
    for side in _order(arguments.sides, arguments.once, arguments.repeats):
        results.append(_run(side, _engine(side, arguments, bandwidth_gib_per_s), load))
        if arguments.json is not None:
            text = to_json(results, indent=1, inf_nan_mode="null")
            arguments.json.write_bytes(text + b"\n")
    print_table(results, arguments.sides[0])


def _order(sides: list[str], once: list[str], repeats: int) -> list[str]:
    """Who runs when: the last side of a round never is the first of the next."""
    order = [*sides, *once]
    for number in range(1, repeats):
        shift = number % len(sides)
        order += sides[shift:] + sides[:shift]
    return order


def _engine(
    side: str, arguments: argparse.Namespace, bandwidth: float | None
) -> EngineSettings:
    return engine_settings(
        side,
        arguments.device_blocks,
        arguments.host_memory_gib,
        bandwidth,
        arguments.scale_seconds,
    )


def _bandwidth(arguments: argparse.Namespace, load: Load) -> float:
    """GiB/s at which a token's copy takes ``copy_share`` of the time to compute it."""
    engine = _engine("adaptive", arguments, None)
    found = _run("adaptive", engine, replace(load, duration_s=CALIBRATION_S))
    token_s = found["costs"]["token_s"]
    gib_per_s = KV_BYTES_PER_TOKEN / (arguments.copy_share * token_s) / GIB
    print(
        f"a token takes {1e6 * token_s:.0f} us to compute: copies at {gib_per_s:.3f} GiB/s "
        f"take {arguments.copy_share:g} of that",
        flush=True,
    )
    return gib_per_s


def _run(side: str, engine: EngineSettings, load: Load) -> dict[str, Any]:
    given = {"side": side, "engine": asdict(engine), "load": asdict(load)}
    process = subprocess.run(
        [sys.executable, "-m", "loadtest.policies.run"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        env={**os.environ, **ONE_ENGINE},
    )
    if process.returncode:
        raise RuntimeError(f"the run of {side} failed:\n{process.stderr[-4000:]}")
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    print(
        f"{side:16} {result['completed']:5} of {result['arrived']} completed, "
        f"{result['completed_per_s']:.3f} /s, median normalized latency "
        f"{1e3 * result['normalized_latency_s']['median']:.1f} ms, working set "
        f"{result['working_set']:.1f} x the cache",
        flush=True,
    )
    return result


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.policies", description=__doc__)
    others = [*sorted(set(POLICIES) - set(MAIN_SIDES)), STOCK_PLAIN]
    known = [*MAIN_SIDES, *others]
    parser.add_argument(
        "--sides",
        nargs="+",
        choices=known,
        default=list(MAIN_SIDES),
        metavar="SIDE",
        help=f"what is repeated, the first being compared with: of {', '.join(known)}",
    )
    parser.add_argument(
        "--once",
        nargs="*",
        choices=known,
        default=others,
        metavar="SIDE",
        help="what runs once (default: all others)",
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rate", type=float, default=Load().rate_per_s, metavar="PER_S")
    parser.add_argument("--duration", type=float, default=Load().duration_s, metavar="S")
    blocks = EngineSettings(policy="").device_blocks
    parser.add_argument("--device-blocks", type=int, default=blocks, metavar="N")
    parser.add_argument("--host-memory-gib", type=float, default=2.0)
    parser.add_argument(
        "--copy-share",
        type=float,
        metavar="SHARE",
        help="hold copies back until a token's takes this share of the time to compute it "
        "(0.4: GPT-J-6B on an A100); measured first",
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        help="the same prompts and outputs, without interceptions and their results",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--eta-error",
        type=float,
        default=Load().eta_error,
        metavar="SHARE",
        help="relative error of the durations that image and speech report",
    )
    scale = Load().scale
    parser.add_argument("--scale-tokens", type=float, default=scale.tokens)
    parser.add_argument("--scale-seconds", type=float, default=scale.seconds)
    parser.add_argument("--scale-count", type=float, default=scale.count)
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write every run here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
