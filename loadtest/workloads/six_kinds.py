"""The mix of InferCept's evaluation: six kinds of augmentations.

Durations, counts and contexts are those of the paper's table 1 (arXiv 2402.01869). The lengths
of outputs and results, which it does not give, are those of the released trace. There an image
or speech request alternates between its tool and the human's next turn; the two average to the
duration in the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, sqrt
from random import Random
from typing import NamedTuple

from loadtest.workloads.arrivals import poisson
from loadtest.workloads.conversation import Conversation, Interception, Segment
from loadtest.workloads.scale import Scale

__all__ = ["KINDS", "REPORTING_KINDS", "Kind", "Scale", "Spread", "Turn", "six_kinds"]

REDRAWS = 100
"""Tries to draw a conversation that is short enough."""


class Spread(NamedTuple):
    """Mean and standard deviation of a positive quantity, taken as log-normal."""

    mean: float
    deviation: float = 0.0

    def draw(self, rng: Random) -> float:
        """One value."""
        if not self.deviation:
            return self.mean
        variance = log(1 + (self.deviation / self.mean) ** 2)
        return rng.lognormvariate(log(self.mean) - variance / 2, sqrt(variance))

    def draw_count(self, rng: Random) -> int:
        """One value as a whole number of at least one."""
        return max(round(self.draw(rng)), 1)


@dataclass(frozen=True, slots=True)
class Turn:
    """What the model says before a call, and the call.

    Attributes:
        kind: The augmentation.
        output_tokens: Tokens before the call.
        seconds: Its duration.
        return_tokens: Tokens of its result.
    """

    kind: str
    output_tokens: Spread
    seconds: Spread
    return_tokens: Spread


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request.

    Attributes:
        turns: What alternates.
        count: Interceptions of a request.
        context_tokens: Context at an interception, on average over those of a request.
        last_output_tokens: Tokens after the last result.
    """

    turns: tuple[Turn, ...]
    count: Spread
    context_tokens: Spread
    last_output_tokens: Spread


def _tool(
    kind: str, output_tokens: Spread, seconds: Spread, return_tokens: Spread
) -> tuple[Turn, ...]:
    return (Turn(kind, output_tokens, seconds, return_tokens),)


_REPLY = Spread(54, 12)
_HUMAN = Turn("chatbot", Spread(7), Spread(28.6, 15.6), Spread(36, 83))

KINDS: Mapping[str, Kind] = {
    "calculator": Kind(
        _tool("calculator", Spread(130, 90), Spread(9e-5, 6e-5), Spread(21, 5)),
        Spread(3.75, 1.3),
        Spread(1422, 738),
        Spread(111, 225),
    ),
    "retrieval": Kind(
        _tool("retrieval", Spread(189, 120), Spread(0.69, 0.17), Spread(57, 9)),
        Spread(2.52, 1.73),
        Spread(1846, 428),
        Spread(166, 178),
    ),
    "alfworld": Kind(
        _tool("alfworld", Spread(4), Spread(0.09, 0.014), Spread(10, 11)),
        Spread(28.18, 15.2),
        Spread(2185, 115),
        Spread(4),
    ),
    "chatbot": Kind(
        _tool("chatbot", _REPLY, _HUMAN.seconds, _HUMAN.return_tokens),
        Spread(4.45, 1.96),
        Spread(753, 703),
        Spread(261, 191),
    ),
    "image": Kind(
        (*_tool("image", _REPLY, Spread(11.5, 0.93), Spread(7)), _HUMAN),
        Spread(6.91, 3.93),
        Spread(1247, 792),
        Spread(7),
    ),
    "speech": Kind(
        (*_tool("speech", _REPLY, Spread(6.1, 2.66), Spread(8)), _HUMAN),
        Spread(6.91, 3.93),
        Spread(1251, 792),
        Spread(7),
    ),
}

REPORTING_KINDS = frozenset({"image", "speech"})
"""Interceptions of these kinds can say how long they will take: their work has known steps."""


def six_kinds(
    rate_per_s: float,
    duration_s: float,
    *,
    seed: int = 0,
    scale: Scale | None = None,
    most_tokens: int = 4096,
) -> list[Conversation]:
    """Poisson arrivals, each of a kind drawn evenly.

    Args:
        rate_per_s: Arrivals a second.
        duration_s: Until when they come.
        seed: Makes it the same workload again; another rate brings the same conversations at
            other times.
        scale: Factors on the numbers of the table.
        most_tokens: No context grows longer: a conversation that would is drawn again.

    Raises:
        ValueError: if conversations of some kind are hardly ever short enough.
    """
    scale = scale or Scale()
    rng = Random(seed)
    names = list(KINDS)
    bodies = Random(f"{seed} bodies")
    conversations: list[Conversation] = []
    for number, arrival_s in enumerate(poisson(rng, rate_per_s, duration_s)):
        name = bodies.choice(names)
        for _ in range(REDRAWS):
            drawn = scale.apply(_draw(bodies, number, name, arrival_s))
            if drawn.total_tokens <= most_tokens:
                break
        else:
            raise ValueError(
                f"--scale-tokens {scale.tokens:g}: {name} requests hardly ever stay within "
                f"{most_tokens} tokens; choose a smaller factor"
            )
        conversations.append(drawn)
    return conversations


def _draw(rng: Random, number: int, name: str, arrival_s: float) -> Conversation:
    kind = KINDS[name]
    segments: list[Segment] = []
    before: list[int] = []  # tokens between the first prompt and each interception
    tokens = 0
    for index in range(kind.count.draw_count(rng)):
        turn = kind.turns[index % len(kind.turns)]
        call = Interception(
            kind=turn.kind,
            seconds=turn.seconds.draw(rng),
            return_tokens=turn.return_tokens.draw_count(rng),
        )
        output_tokens = turn.output_tokens.draw_count(rng)
        segments.append(Segment(output_tokens=output_tokens, interception=call))
        before.append(tokens + output_tokens)
        tokens += output_tokens + call.return_tokens
    segments.append(Segment(output_tokens=kind.last_output_tokens.draw_count(rng)))
    context = kind.context_tokens.draw(rng)
    prompt_tokens = max(round(context - sum(before) / len(before)), 8)
    return Conversation(number, name, arrival_s, prompt_tokens, tuple(segments))
