"""What moving or recomputing parked contexts costs the requests that run.

Some requests generate, while some sessions beside them are intercepted and resumed over and
over. Three engines take turns: one preserves the parked contexts, one swaps them out and in,
and one discards and recomputes them. In every round the generating requests say as much after
the same prompts, so that their iterations cost the same in all engines but for what is done
beside them. Printed is the time between two of their tokens: ``python -m loadtest.blocking``
"""

import argparse
import heapq
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from intercept_core.policy.base import Policy
from intercept_core.policy.types import (
    CostModel,
    Decisions,
    Disposition,
    EngineState,
    ParkedContext,
)
from loadtest.policies.environment import ONE_ENGINE

SIDES = {
    "preserve": "preserve",
    "swap": "loadtest.blocking:SwapBeside",
    "recompute": "improved_discard",
}
CONTEXT_TOKENS = 320
SPOKEN_TOKENS = 4
RESULT_TOKENS = 8
CALL_S = 1.0
CALLS = 20
"""Of a session, after which another begins."""
PROMPT_TOKENS = 256
"""Of a generating request."""
LEAST = {"foreground": 1, "sessions": 0, "rounds": 1, "tokens": 20}
"""Of each option; with fewer tokens, the first request ends before the last has begun."""
MOST_REQUESTS = 32
"""Of both kinds: the generating ones begin together."""
_QUANTILES = ("median", "p90", "p99")
DEVICE_BLOCKS = 700
"""Room for all: what is moved is moved by decision, not for lack of memory."""


class SwapBeside(Policy):
    """Swaps every context, beside the forward passes."""

    name = "swap_beside"

    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        return Decisions({context.request_id: Disposition.SWAP for context in parked})


class Side:
    """An engine with its requests.

    Args:
        name: Of :data:`SIDES`.
        foreground: Requests that generate in a round.
        sessions: Sessions that are intercepted over and over.
    """

    def __init__(self, name: str, foreground: int, sessions: int) -> None:
        from loadtest.policies.engine import BenchEngine, EngineSettings
        from loadtest.policies.model import write_model

        settings = EngineSettings(
            policy=SIDES[name],
            prefix_caching=False,
            device_blocks=DEVICE_BLOCKS,
            max_seqs=MOST_REQUESTS,
        )
        with tempfile.TemporaryDirectory() as folder:
            self._engine = BenchEngine(write_model(Path(folder)), settings)
        self._foreground = foreground
        self._numbers = itertools.count()
        self._calls_left: dict[str, int] = {}
        self._due: list[tuple[float, str]] = []
        for _ in range(sessions):
            self._start_session()

    def round(self, tokens: int) -> dict[str, Any]:
        """Has each generating request say ``tokens``; the gaps between them, and what was
        moved."""
        engine = self._engine
        before = self._totals()
        left = self._foreground
        for _ in range(left):
            self._start_foreground(tokens)
        last_s: dict[str, float] = {}
        gaps_s: list[float] = []
        while left:
            while self._due and self._due[0][0] <= engine.now_s:
                self._resume(heapq.heappop(self._due)[1])
            for output in engine.step():
                if output.request_id in self._calls_left:
                    self._hear(output)
                    continue
                now_s = engine.now_s
                if len(last_s) == self._foreground:  # none of them is at its prompt any more
                    gaps_s.append(now_s - last_s[output.request_id])
                last_s[output.request_id] = now_s
                left -= output.finish_reason is not None
        cuts = quantiles(gaps_s, n=100)
        moved = {name: after - before[name] for name, after in self._totals().items()}
        return {"median_s": median(gaps_s), "p90_s": cuts[89], "p99_s": cuts[98], **moved}

    def _totals(self) -> dict[str, float]:
        assert self._engine.intercepting is not None
        found = self._engine.intercepting.telemetry.as_dict()
        return {n: found[n] for n in ("resumed", "blocks_swapped_in", "recomputed_tokens")}

    def _start_foreground(self, tokens: int) -> None:
        self._engine.add(
            f"foreground-{next(self._numbers)}",
            range(PROMPT_TOKENS),
            tokens,
            arrival_s=time.time(),
            session=False,
            calls=False,
        )

    def _start_session(self) -> None:
        name = f"session-{next(self._numbers)}"
        self._calls_left[name] = CALLS
        self._speak(name, CONTEXT_TOKENS)

    def _resume(self, name: str) -> None:
        self._calls_left[name] -= 1
        self._speak(name, RESULT_TOKENS)

    def _speak(self, name: str, new_tokens: int) -> None:
        self._engine.add(
            name,
            range(new_tokens),
            SPOKEN_TOKENS,
            arrival_s=time.time(),
            session=True,
            calls=self._calls_left[name] > 0,
        )

    def _hear(self, output: Any) -> None:
        if output.finish_reason is None:
            return
        if self._calls_left[output.request_id]:
            heapq.heappush(self._due, (self._engine.now_s + CALL_S, output.request_id))
            return
        del self._calls_left[output.request_id]
        self._start_session()


def serve(name: str, foreground: int, sessions: int) -> None:
    """The engine's process: answers each line, a number of tokens, with a round."""
    side = Side(name, foreground, sessions)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(side.round(int(line))), flush=True)


class Remote:
    """A side in a process of its own, which rests between its rounds."""

    def __init__(self, name: str, arguments: argparse.Namespace) -> None:
        numbers = [str(arguments.foreground), str(arguments.sessions)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtest.blocking", "--serve", name, *numbers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **ONE_ENGINE},
        )
        self._read("ready")

    def round(self, tokens: int) -> dict[str, Any]:
        """One round."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{tokens}\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._read("{"))
        return found

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def _read(self, start: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(start):
                return line
        raise RuntimeError(f"the engine ended with {self._process.wait()}")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--foreground", type=int, default=8, help="requests that generate")
    parser.add_argument("--sessions", type=int, default=4, help="that are intercepted")
    parser.add_argument("--rounds", type=int, default=8, help="of each engine")
    parser.add_argument("--tokens", type=int, default=150, help="of each request in a round")
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name, least in LEAST.items():
        if getattr(arguments, name) < least:
            parser.error(f"--{name} {getattr(arguments, name)}: must be at least {least}")
    if (requests := arguments.foreground + arguments.sessions) > MOST_REQUESTS:
        parser.error(f"--foreground and --sessions: {requests}, at most {MOST_REQUESTS}")
    if arguments.serve:
        name, foreground, sessions = arguments.serve
        serve(name, int(foreground), int(sessions))
        return
    sides = {name: Remote(name, arguments) for name in SIDES}
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for side in sides.values():
        side.round(arguments.tokens)  # warm-up
    for number in range(arguments.rounds):
        names = list(sides)
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            rounds[name].append(sides[name].round(arguments.tokens))
    for side in sides.values():
        side.close()
    print(
        f"{arguments.foreground} requests generate beside {arguments.sessions} sessions of "
        f"{CONTEXT_TOKENS} tokens and more, {arguments.rounds} rounds of "
        f"{arguments.tokens} tokens each"
    )
    for name, found in rounds.items():
        _print(name, found, rounds["preserve"])


def _print(name: str, found: list[dict[str, Any]], base: list[dict[str, Any]]) -> None:
    ratios = [
        one["median_s"] / other["median_s"] for one, other in zip(found, base, strict=True)
    ]
    moved = {key: median(r[key] for r in found) for key in found[0] if not key.endswith("_s")}
    middle, p90, p99 = (1e3 * median(r[f"{key}_s"] for r in found) for key in _QUANTILES)
    print(
        f"{name:10} between tokens: median {middle:.2f} ms, p90 {p90:.2f} ms, p99 {p99:.2f} "
        f"ms; median x preserve {median(ratios):.3f} "
        f"({min(ratios):.3f} to {max(ratios):.3f}); a round: "
        + ", ".join(f"{value:.0f} {key}" for key, value in moved.items())
    )


if __name__ == "__main__":
    main()
