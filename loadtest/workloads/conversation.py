"""A request with its interceptions, in numbers alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field


class Interception(BaseModel):
    """One call.

    Attributes:
        kind: The augmentation.
        seconds: Its duration.
        return_tokens: Tokens of its result.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    seconds: float = Field(ge=0)
    return_tokens: int = Field(ge=1)


class Segment(BaseModel):
    """What the model generates before an interception, or before the end.

    Attributes:
        output_tokens: How much, the token that ends it included.
        interception: What follows; None at the end.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    output_tokens: int = Field(ge=1)
    interception: Interception | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """One request of a workload.

    Attributes:
        id: Its number in the workload.
        kind: The request's augmentation.
        arrival_s: When it arrives, from the start of the workload.
        prompt_tokens: Tokens of its first prompt.
        segments: What is generated; all but the last end with an interception.
    """

    id: int
    kind: str
    arrival_s: float
    prompt_tokens: int
    segments: Sequence[Segment]

    @property
    def output_tokens(self) -> int:
        """Tokens that the model generates."""
        return sum(segment.output_tokens for segment in self.segments)

    @property
    def total_tokens(self) -> int:
        """Length of the context at the end."""
        returned = sum(s.interception.return_tokens for s in self.segments if s.interception)
        return self.prompt_tokens + self.output_tokens + returned

    @property
    def intercepted_s(self) -> float:
        """Time in augmentations."""
        return sum(s.interception.seconds for s in self.segments if s.interception)
