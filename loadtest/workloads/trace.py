"""Workloads from a file of JSON lines.

A line holds ``kind``, ``prompt_tokens`` and ``segments``, each with ``output_tokens`` and, but
for the last, an ``interception`` of ``kind``, ``seconds`` and ``return_tokens``.
"""

from pathlib import Path
from random import Random

from pydantic import BaseModel, Field

from loadtest.workloads.conversation import Conversation, Segment


class _Line(BaseModel):
    kind: str
    prompt_tokens: int = Field(ge=1)
    segments: list[Segment] = Field(min_length=1)


def from_trace(
    path: Path, rate_per_s: float, duration_s: float, *, seed: int = 0
) -> list[Conversation]:
    """Poisson arrivals of the file's requests, in an order drawn anew at each pass.

    Raises:
        ValueError: naming the line that does not fit.
    """
    lines: list[_Line] = []
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        try:
            lines.append(_Line.model_validate_json(text))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    rng = Random(seed)
    conversations: list[Conversation] = []
    left: list[_Line] = []
    arrival_s = rng.expovariate(rate_per_s)
    while arrival_s < duration_s:
        if not left:
            left = rng.sample(lines, len(lines))
        line = left.pop()
        conversations.append(
            Conversation(
                len(conversations),
                line.kind,
                arrival_s,
                line.prompt_tokens,
                tuple(line.segments),
            )
        )
        arrival_s += rng.expovariate(rate_per_s)
    return conversations
