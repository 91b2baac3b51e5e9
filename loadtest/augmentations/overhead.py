"""What the road between a generation and its augmentation takes: a real engine, a real worker.

The engine is the one of ``infercept serve`` in this process, the worker a Ray Serve replica.
The model's words are forced, so that it calls when it should; all else is as in production.
"""

import asyncio
import itertools
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from statistics import mean, quantiles
from typing import Any

from prometheus_client import REGISTRY
from vllm import SamplingParams

from intercept_core.engine.interception import Interception, InterceptionChannel
from intercept_core.engine.llm import InterceptLLM
from loadtest.augmentations.scripted_calls import SCRIPT
from loadtest.augmentations.stamped import Stamps

CALLS_PER_SESSION = 8
PROMPT = "You wait for tools."


@dataclass(slots=True)
class Moments:
    """One interception, on the monotonic clock.

    Attributes:
        trigger_s: When the session saw the end of the call.
        result_s: When it had the result.
        next_token_s: When it saw the next token of the model.
        result: What the model was given.
    """

    trigger_s: float
    result_s: float = float("nan")
    next_token_s: float = float("nan")
    result: str = ""


class TimedChannel(InterceptionChannel):
    """Notes when a session published what."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: dict[str, Moments] = {}

    def publish(self, interception: Interception) -> None:
        now_s = time.monotonic()
        super().publish(interception)
        moments = self.moments.setdefault(
            interception.id, Moments(trigger_s=now_s - interception.seconds)
        )
        match interception.state:
            case "succeeded":
                moments.result_s, moments.result = now_s, interception.result or ""
            case "resumed":
                moments.next_token_s = now_s
            case "failed":
                raise RuntimeError(f"a call failed: {interception.error}")


@dataclass(frozen=True, slots=True)
class Distribution:
    """Of some times.

    Attributes:
        count: How many.
        p50_s: Half of them are shorter.
        p99_s: All but one in a hundred are shorter.
        most_s: The longest.
    """

    count: int
    p50_s: float
    p99_s: float
    most_s: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Distribution":
        """That of ``seconds``, which must be two at least."""
        ordered = sorted(seconds)
        cuts = quantiles(ordered, n=100, method="inclusive")
        return cls(len(ordered), cuts[49], cuts[98], ordered[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """What was measured at one number of concurrent requests.

    Attributes:
        concurrency: Requests at a time.
        to_worker: From the end of a call to the start of its work.
        to_session: From the end of the work to its result as the request's next input.
        to_token: From the end of the work to the request's next token; the engine's own
            iterations are in it.
        scheduler_s: Mean time that the scheduler saw requests parked, less the work.
    """

    concurrency: int
    to_worker: Distribution
    to_session: Distribution
    to_token: Distribution
    scheduler_s: float


@dataclass(slots=True)
class Sessions:
    """Requests that call one augmentation again and again.

    Attributes:
        engine: Where they go.
        seed: Of the durations of the work.
    """

    engine: InterceptLLM
    seed: int = 0
    _numbers: Any = field(default_factory=itertools.count)

    async def overhead(self, concurrency: int, interceptions: int, work_s: float) -> Overhead:
        """Calls the stamped worker, whose work takes half to three halves of ``work_s``."""
        rng = Random(self.seed)
        before = _parked("stamped")

        def arguments() -> Mapping[str, Any]:
            return {"seconds": round(rng.uniform(0.5, 1.5) * work_s, 3)}

        moments = await self._run("stamped", arguments, concurrency, interceptions)
        stamps = [Stamps.of(one.result) for one in moments]
        both = list(zip(moments, stamps, strict=True))
        count, parked_s = (
            new - old for new, old in zip(_parked("stamped"), before, strict=True)
        )
        work = mean(stamp.ended_s - stamp.began_s for stamp in stamps)
        return Overhead(
            concurrency=concurrency,
            to_worker=Distribution.of(stamp.began_s - one.trigger_s for one, stamp in both),
            to_session=Distribution.of(one.result_s - stamp.ended_s for one, stamp in both),
            to_token=Distribution.of(one.next_token_s - stamp.ended_s for one, stamp in both),
            scheduler_s=parked_s / count - work if count else float("nan"),
        )

    async def inline(self, concurrency: int, interceptions: int) -> Distribution:
        """From the end of a call of the inline calculator to its result."""
        moments = await self._run(
            "calculator", lambda: {"expression": "12 * 37"}, concurrency, interceptions
        )
        return Distribution.of(one.result_s - one.trigger_s for one in moments)

    async def _run(
        self, kind: str, arguments: Any, concurrency: int, interceptions: int
    ) -> list[Moments]:
        each = max(round(interceptions / concurrency / CALLS_PER_SESSION), 1)

        async def one_after_the_other() -> list[Moments]:
            moments: list[Moments] = []
            for _ in range(each):
                moments += await self._session(
                    kind, [arguments() for _ in range(CALLS_PER_SESSION)]
                )
            return moments

        lists = await asyncio.gather(*(one_after_the_other() for _ in range(concurrency)))
        return [one for several in lists for one in several]

    async def _session(self, kind: str, calls: list[Mapping[str, Any]]) -> list[Moments]:
        """One request; returns its interceptions."""
        number = next(self._numbers)
        channel = self.engine.channels[f"benchmark-{number}"] = TimedChannel()
        tokenizer = self.engine.get_tokenizer()

        def encode(text: str) -> list[int]:
            return list(tokenizer.encode(text, add_special_tokens=False))

        turns = [encode(self._call(kind, one)) for one in calls]
        (call_end,) = self.engine.dialect.trigger_token_ids
        script = [call_end, *turns, [*encode("Done."), tokenizer.eos_token_id]]
        extra = {
            SCRIPT: script,
            "augmentations": [kind],
            "intercept_channel": f"benchmark-{number}",
        }
        outputs = self.engine.generate(
            {"type": "token", "prompt_token_ids": encode(PROMPT)},
            SamplingParams(max_tokens=900, temperature=0, extra_args=extra),
            f"benchmark-{number}",
        )
        async for _ in outputs:
            pass
        del self.engine.channels[f"benchmark-{number}"]
        if len(channel.moments) != len(calls):
            raise RuntimeError(f"{len(channel.moments)} calls were made of {len(calls)}")
        return list(channel.moments.values())

    def _call(self, kind: str, arguments: Mapping[str, Any]) -> str:
        config = self.engine.dialect.config
        body = json.dumps({"name": kind, "arguments": arguments})
        return f"{config.call_start}{body}{config.call_end}"


def _parked(kind: str) -> tuple[float, float]:
    """How many interceptions the scheduler has told of, and their seconds together."""
    name, labels = "infercept_interception_seconds", {"kind": kind}
    totals = {"_count": 0.0, "_sum": 0.0}
    for metric in REGISTRY.collect():
        for sample in metric.samples:
            ending = sample.name.removeprefix(name)
            if ending in totals and labels.items() <= sample.labels.items():
                totals[ending] += sample.value
    return totals["_count"], totals["_sum"]
