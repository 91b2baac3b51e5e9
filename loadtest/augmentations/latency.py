"""How long calls of each kind take on this machine, beside the paper's."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

from augment_workers import registry
from augment_workers.answerable import Answerable
from augment_workers.artifact_files import ArtifactFiles
from augment_workers.base import Augmentation
from augment_workers.runner import execute
from deployments.config import ServeConfig
from intercept_core.bus.messages import Answer, Call, Failed, Result
from loadtest.augmentations.samples import SAMPLES, TABLE_1, Arguments, Samples

BENCHMARK = "benchmark"
"""Whose files those are that calls make."""

CALL_TIMEOUT_S = 300.0
RESULT_LIMIT_CHARS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KindLatency:
    """What calls of one kind took.

    Attributes:
        kind: The augmentation.
        first_s: Seconds of the first call, which loads what is loaded late.
        seconds: Those of the calls after it.
        problem: Why there are no numbers; empty if there are.
    """

    kind: str
    first_s: float = float("nan")
    seconds: tuple[float, ...] = ()
    problem: str = ""

    @property
    def row(self) -> tuple[str, ...]:
        """Cells of the table."""
        paper = TABLE_1.get(self.kind)
        said = "" if paper is None else f"{text(paper.mean)} ± {text(paper.deviation)}"
        if self.problem:
            return self.kind, "", "", "", self.problem, said
        low, middle, high = self.seconds[0], self.seconds[0], self.seconds[0]
        if len(self.seconds) > 1:
            cuts = quantiles(self.seconds, n=10, method="inclusive")
            low, middle, high = cuts[0], median(self.seconds), cuts[-1]
        spread = f"{text(low)} to {text(high)}"
        count = str(len(self.seconds))
        return self.kind, count, text(self.first_s), text(middle), spread, said


HEADINGS = ("kind", "calls", "first", "median", "p10 to p90", "paper: mean ± std")


def text(seconds: float) -> str:
    """Seconds with a unit that fits."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


async def measure_kinds(
    kinds: Sequence[str], config: ServeConfig, *, calls: int, within_s: float
) -> list[KindLatency]:
    """Measures one kind after the other, as ``config`` serves it or with its defaults.

    Args:
        kinds: Names of built-in augmentations.
        config: Whose options are used.
        calls: How many calls of a kind are measured at most.
        within_s: When this time is over, no further call of a kind begins.
    """
    options = {
        section.type: section.all_options for section in reversed(config.augmentations.values())
    }
    store = ArtifactFiles(config.artifacts.folder(BENCHMARK))
    return [
        await _measure(kind, options.get(kind, {}), store, calls=calls, within_s=within_s)
        for kind in kinds
    ]


async def _measure(
    kind: str,
    options: Mapping[str, Any],
    store: ArtifactFiles,
    *,
    calls: int,
    within_s: float,
) -> KindLatency:
    samples = SAMPLES.get(kind)
    if samples is None:
        return KindLatency(kind=kind, problem="no sample calls: add some to samples.py")
    try:
        augmentation = registry.create(kind, options, artifacts=store)
    except Exception as error:  # such as a package or a model that is not there
        return KindLatency(kind=kind, problem=f"{type(error).__name__}: {error}")
    try:
        return await _measure_calls(kind, augmentation, samples, calls, within_s)
    except CallFailedError as error:
        return KindLatency(kind=kind, problem=str(error))
    finally:
        await augmentation.close()


async def _measure_calls(
    kind: str, augmentation: Augmentation, samples: Samples, calls: int, within_s: float
) -> KindLatency:
    began_s = time.perf_counter()
    first_s = await _time(kind, augmentation, samples.first, 0)
    seconds: list[float] = []
    while len(seconds) < calls:
        arguments = samples.then[len(seconds) % len(samples.then)]
        seconds.append(await _time(kind, augmentation, arguments, len(seconds) + 1))
        if time.perf_counter() - began_s > within_s:
            break
    return KindLatency(kind=kind, first_s=first_s, seconds=tuple(seconds))


class CallFailedError(RuntimeError):
    """A call that should have had a result."""


async def _time(
    kind: str, augmentation: Augmentation, arguments: Arguments, number: int
) -> float:
    """Seconds of one call, from its arguments to its result."""
    call = Call(
        call_id=f"{kind}-{number}",
        request_id="benchmark",
        session_id="benchmark",
        kind=kind,
        arguments=arguments,
        timeout_s=CALL_TIMEOUT_S,
        lease_s=CALL_TIMEOUT_S,
    )
    human = None
    if isinstance(augmentation, Answerable):
        human = asyncio.create_task(_answer_at_once(augmentation))
    began_s = time.perf_counter()
    async for event in execute(
        augmentation, call, worker="here", result_limit_chars=RESULT_LIMIT_CHARS
    ):
        if isinstance(event, Failed):
            raise CallFailedError(f"{event.code}: {event.message}")
        if isinstance(event, Result):
            break
    seconds = time.perf_counter() - began_s
    if human is not None:
        await human
    return seconds


async def _answer_at_once(augmentation: Answerable) -> None:
    """Somebody who needs no time: what is left is the augmentation's own."""
    while not (questions := augmentation.questions()):
        await asyncio.sleep(0)
    for question in questions:
        augmentation.answer(Answer(call_id=question.call_id, text="Tea."))
