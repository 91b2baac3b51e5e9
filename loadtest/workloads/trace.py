"""Workloads from a file of JSON lines.

A line holds ``kind``, ``prompt_tokens`` and ``segments``, each with ``output_tokens`` and, but
for the last, an ``interception`` of ``kind``, ``seconds`` and ``return_tokens``. A request ends
with its last segment, an interception of which is ignored; a result has one token at least.
"""

import json
from pathlib import Path
from random import Random
from typing import Any

from pydantic import BaseModel, Field, ValidationError, field_validator

from intercept_core.policy.cost_profile import explained
from loadtest.workloads.arrivals import poisson
from loadtest.workloads.conversation import Conversation, Interception, Segment
from loadtest.workloads.scale import Scale


class _Interception(Interception):
    @field_validator("return_tokens", mode="before")
    @classmethod
    def _at_least_one(cls, tokens: Any) -> Any:
        # Differences of clipped lengths, which come out as zero or less now and then.
        return max(tokens, 1) if isinstance(tokens, int | float) else tokens


class _Segment(Segment):
    interception: _Interception | None = None


class _Line(BaseModel):
    kind: str
    prompt_tokens: int = Field(ge=1)
    segments: list[_Segment] = Field(min_length=1)

    @field_validator("segments")
    @classmethod
    def _only_the_last_ends(cls, segments: list[_Segment]) -> list[_Segment]:
        *before, last = segments
        if any(segment.interception is None for segment in before):
            raise ValueError("a segment without an interception must be the last")
        # Requests that were clipped at the source end with a call whose result nobody reads.
        return [*before, _Segment(output_tokens=last.output_tokens)]


def from_trace(
    path: Path,
    rate_per_s: float,
    duration_s: float,
    *,
    seed: int = 0,
    scale: Scale | None = None,
) -> list[Conversation]:
    """Poisson arrivals of the file's requests, in an order drawn anew at each pass.

    Args:
        path: The file.
        rate_per_s: Arrivals a second.
        duration_s: Until when they come.
        seed: Makes it the same workload again; another rate brings the same requests at
            other times.
        scale: Factors on the numbers of the file.

    Raises:
        ValueError: naming the line that does not fit, or a file without lines.
    """
    lines = _read(path)
    scale = scale or Scale()
    order = Random(f"{seed} order")
    left: list[_Line] = []
    conversations: list[Conversation] = []
    for number, arrival_s in enumerate(poisson(Random(seed), rate_per_s, duration_s)):
        if not left:
            left = order.sample(lines, len(lines))
        line = left.pop()
        drawn = Conversation(
            number, line.kind, arrival_s, line.prompt_tokens, tuple(line.segments)
        )
        conversations.append(scale.apply(drawn))
    return conversations


def _read(path: Path) -> list[_Line]:
    lines: list[_Line] = []
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        try:
            lines.append(_Line.model_validate(json.loads(text)))
        except ValidationError as error:
            raise ValueError(f"{path}, line {number}: {explained(error)}") from None
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: is no JSON: {error}") from None
    if not lines:
        raise ValueError(f"{path}: there is no request in it")
    return lines
