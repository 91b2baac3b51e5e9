"""One run, in a process of its own: ``python -m loadtest.policies.run`` reads its settings from
standard input and writes its result to standard output, both JSON."""

import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from loadtest.policies.engine import BenchEngine, EngineSettings
from loadtest.policies.model import write_model
from loadtest.policies.play import Play
from loadtest.policies.settings import Load
from loadtest.workloads.etas import Etas
from loadtest.workloads.quantiles import Quantiles

WARM_UP = (64, 200)
"""Tokens of the prompts that every engine sees before the clock starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What one run showed.

    Attributes:
        side: The policy, or vLLM's own scheduler.
        arrived: Conversations that came.
        completed: Those that ended.
        seconds: How long it served.
        completed_per_s: Completed conversations a second.
        normalized_latency_s: See :attr:`~loadtest.workloads.played.Played`.
        ttft_s: Time to the first token.
        resume_s: Time from a result to the next token.
        output_tokens: Tokens that were generated.
        computed_tokens: Tokens that were computed, also for conversations that have not ended:
            prompts, results, outputs, and what of these had to be computed again.
        working_set: Largest sum of the contexts of conversations that had begun to be
            answered and had not ended, in multiples of the device's cache.
        telemetry: The scheduler's totals; empty for vLLM's.
        costs: What the scheduler learned of its engine; empty for vLLM's.
    """

    side: str
    arrived: int
    completed: int
    seconds: float
    completed_per_s: float
    normalized_latency_s: Quantiles
    ttft_s: Quantiles
    resume_s: Quantiles
    output_tokens: int
    computed_tokens: int
    working_set: float
    telemetry: dict[str, float]
    costs: dict[str, float]


def run(side: str, settings: EngineSettings, load: Load) -> RunResult:
    """Starts the engine, plays the load, ends the engine."""
    with tempfile.TemporaryDirectory() as folder:
        engine = BenchEngine(write_model(Path(folder)), settings)
    _warm_up(engine)
    play = Play(engine, load.conversations(), Etas(load.eta_error, load.seed), load.seed)
    play.run(load.duration_s)
    seconds = engine.now_s
    ended = [p for p in play.played if p.end_s is not None]
    arrived = [p for p in play.played if p.conversation.arrival_s <= seconds]
    ours = engine.intercepting
    result = RunResult(
        side=side,
        arrived=len(arrived),
        completed=len(ended),
        seconds=seconds,
        completed_per_s=len(ended) / seconds,
        normalized_latency_s=Quantiles.of(p.normalized_latency_s for p in ended),
        ttft_s=Quantiles.of(p.ttft_s for p in arrived if p.first_token_s is not None),
        resume_s=Quantiles.of(wait_s for p in arrived for wait_s in p.resume_waits_s),
        output_tokens=play.output_tokens,
        computed_tokens=engine.computed_tokens,
        working_set=play.most_context_tokens / engine.cache_tokens,
        telemetry={} if ours is None else ours.telemetry.as_dict(),
        costs={} if ours is None else ours.intercept_cost.to_dict(),
    )
    engine.close()
    return result


def _warm_up(engine: BenchEngine) -> None:
    for number, tokens in enumerate(WARM_UP):
        engine.add(
            f"warm-up-{number}",
            range(tokens),
            8,
            arrival_s=0.0,
            session=False,
            calls=False,
        )
        while engine.scheduler.has_requests():
            engine.step()


def main() -> None:
    """Reads ``{"side", "engine", "load"}``, writes the result as the last line."""
    given: dict[str, Any] = json.loads(sys.stdin.read())
    result = run(
        given["side"],
        TypeAdapter(EngineSettings).validate_python(given["engine"]),
        TypeAdapter(Load).validate_python(given["load"]),
    )
    print(json.dumps(asdict(result)), flush=True)


if __name__ == "__main__":
    main()
