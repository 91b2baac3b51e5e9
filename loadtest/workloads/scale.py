"""The same workload, smaller."""

from dataclasses import dataclass
from math import ceil

from loadtest.workloads.conversation import Conversation, Segment


@dataclass(frozen=True, slots=True)
class Scale:
    """Factors for machines smaller than the GPUs that a workload was made for.

    Attributes:
        tokens: On prompts, outputs and results; at least one token stays of each.
        seconds: On the durations of interceptions.
        count: On the interceptions of a request; at most 1, and at least one stays.
    """

    tokens: float = 1.0
    seconds: float = 1.0
    count: float = 1.0

    def __post_init__(self) -> None:
        if not (self.tokens > 0 and self.seconds >= 0 and 0 < self.count <= 1):
            raise ValueError(
                f"{self}: tokens must be positive, seconds not negative, count in (0, 1]"
            )

    def apply(self, conversation: Conversation) -> Conversation:
        """``conversation`` on this scale; it arrives when it did."""
        *calling, last = conversation.segments
        calling = calling[: ceil(len(calling) * self.count)]
        return Conversation(
            conversation.id,
            conversation.kind,
            conversation.arrival_s,
            self._fewer(conversation.prompt_tokens),
            tuple(self._segment(segment) for segment in (*calling, last)),
        )

    def _segment(self, segment: Segment) -> Segment:
        call = segment.interception
        if call is not None:
            call = call.model_copy(
                update={
                    "seconds": call.seconds * self.seconds,
                    "return_tokens": self._fewer(call.return_tokens),
                }
            )
        return Segment(output_tokens=self._fewer(segment.output_tokens), interception=call)

    def _fewer(self, tokens: int) -> int:
        return max(round(tokens * self.tokens), 1)
