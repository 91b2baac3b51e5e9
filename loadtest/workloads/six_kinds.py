"""The mix of InferCept's evaluation: six kinds of augmentations (arXiv 2402.01869, table 1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, sqrt
from random import Random

from loadtest.workloads.conversation import Conversation, Interception, Segment


@dataclass(frozen=True, slots=True)
class Kind:
    """Statistics of one kind; pairs are mean and standard deviation.

    Attributes:
        seconds: Duration of an interception.
        count: Interceptions of a request.
        context_tokens: Context when a request is intercepted.
        return_tokens: Mean length of a result.
        output_tokens: Mean length of what is generated between two interceptions, as in the
            released trace.
        reports: Whether such an augmentation can tell when it will be done.
    """

    seconds: tuple[float, float]
    count: tuple[float, float]
    context_tokens: tuple[float, float]
    return_tokens: int
    output_tokens: int
    reports: bool = False


KINDS: Mapping[str, Kind] = {
    "calculator": Kind((9e-5, 6e-5), (3.75, 1.3), (1422, 738), 21, 125),
    "retrieval": Kind((0.69, 0.17), (2.52, 1.73), (1846, 428), 57, 183),
    "alfworld": Kind((0.09, 0.014), (28.18, 15.2), (2185, 115), 10, 4),
    "chatbot": Kind((28.6, 15.6), (4.45, 1.96), (753, 703), 36, 100),
    "image": Kind((20.03, 7.8), (6.91, 3.93), (1247, 792), 7, 31, reports=True),
    "speech": Kind((17.24, 7.6), (6.91, 3.93), (1251, 792), 8, 31, reports=True),
}


@dataclass(frozen=True, slots=True)
class Scale:
    """Factors on the paper's numbers, for machines smaller than its GPUs.

    Attributes:
        tokens: On contexts, outputs and results.
        seconds: On durations.
        count: On interceptions of a request.
    """

    tokens: float = 1.0
    seconds: float = 1.0
    count: float = 1.0


def _lognormal(rng: Random, mean: float, deviation: float) -> float:
    """Positive and skewed, as durations and lengths are."""
    variance = log(1 + (deviation / mean) ** 2)
    return rng.lognormvariate(log(mean) - variance / 2, sqrt(variance))


def six_kinds(
    rate_per_s: float,
    duration_s: float,
    *,
    seed: int = 0,
    scale: Scale | None = None,
    most_tokens: int = 4096,
) -> list[Conversation]:
    """Poisson arrivals, each of a kind drawn evenly.

    The context of the table is taken for the context at the middle interception, so the first
    prompt is what outputs and results before it leave of that.

    Args:
        rate_per_s: Arrivals a second.
        duration_s: Until when they come.
        seed: Makes it the same workload again.
        scale: Factors on the numbers of the table.
        most_tokens: Conversations end before their contexts exceed this.
    """
    rng = Random(seed)
    scale = scale or Scale()
    conversations: list[Conversation] = []
    arrival_s = rng.expovariate(rate_per_s)
    while arrival_s < duration_s:
        name = rng.choice(list(KINDS))
        number = len(conversations)
        conversations.append(_draw(rng, number, name, arrival_s, scale, most_tokens))
        arrival_s += rng.expovariate(rate_per_s)
    return conversations


def _draw(
    rng: Random, number: int, name: str, arrival_s: float, scale: Scale, most_tokens: int
) -> Conversation:
    kind = KINDS[name]
    mean, deviation = kind.count
    count = max(round(rng.gauss(mean, deviation) * scale.count), 1)
    outputs = max(kind.output_tokens * scale.tokens, 2.0)
    returned = max(kind.return_tokens * scale.tokens, 1.0)
    context = _lognormal(rng, *kind.context_tokens) * scale.tokens
    prompt = max(round(context - count / 2 * (outputs + returned)), 8)
    prompt = min(prompt, most_tokens // 2)
    segments: list[Segment] = []
    total = prompt
    for _ in range(count):
        output = max(round(rng.expovariate(1 / outputs)), 2)
        result = max(round(rng.expovariate(1 / returned)), 1)
        total += output + result
        if total + 4 * outputs > most_tokens:
            break
        seconds = _lognormal(rng, *kind.seconds) * scale.seconds
        call = Interception(kind=name, seconds=seconds, return_tokens=result)
        segments.append(Segment(output_tokens=output, interception=call))
    last = min(max(round(rng.expovariate(1 / outputs)), 2), round(4 * outputs))
    segments.append(Segment(output_tokens=last))
    return Conversation(number, name, arrival_s, prompt, tuple(segments))
