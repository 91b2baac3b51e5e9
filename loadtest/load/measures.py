"""From the times of a stream's chunks to what is measured of a request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.load.sse import Chunk, Told

MODEL_ERRORS = frozenset(
    {"bad_arguments", "bad_call", "context_full", "tool_error", "unknown_tool"}
)
"""Codes of failed calls that are the doing of the model, or what its tool had to say."""


@dataclass(frozen=True, slots=True)
class Measures:
    """One request that came to its end.

    Attributes:
        ttft_s: From the request to the first that was heard of it.
        gaps_s: Times between texts that follow each other without an interception.
        resumes_s: For each interception, from its result to the model's next token.
        calls: The interceptions, as they were told of last.
        completion_tokens: What the model wrote, hidden calls included.
        end_to_end_s: From the request to its end.
        finish_reason: Why the answer ended.
    """

    ttft_s: float
    gaps_s: Sequence[float]
    resumes_s: Sequence[float]
    calls: Sequence[Told]
    completion_tokens: int
    end_to_end_s: float
    finish_reason: str

    @property
    def augmented_s(self) -> float:
        """Time in augmentations."""
        return sum(call.seconds for call in self.calls)

    @property
    def normalized_s(self) -> float:
        """End-to-end time without augmentations, for each token that the model wrote."""
        return max(self.end_to_end_s - self.augmented_s, 0.0) / max(self.completion_tokens, 1)

    @property
    def fault(self) -> str | None:
        """What the server did wrong though the stream is whole; None if nothing."""
        for call in self.calls:
            if call.error_code is not None and call.error_code not in MODEL_ERRORS:
                return f"{call.kind} failed: {call.error_code}"
        if self.finish_reason == "abort":
            return "the server ended the answer: abort"
        return None


class Timeline:
    """What has come of a request so far.

    Args:
        sent_s: When it was sent.
    """

    def __init__(self, sent_s: float) -> None:
        self._sent_s = sent_s
        self._first_s: float | None = None
        self._last_text_s: float | None = None
        self._gaps_s: list[float] = []
        self._resumes_s: list[float] = []
        self._results_s: dict[str, float] = {}
        self._calls: dict[str, Told] = {}
        self._completion_tokens = 0
        self._finish_reason = ""

    @property
    def calls(self) -> Mapping[str, Told]:
        """The interceptions by id, as they were told of last."""
        return self._calls

    def add(self, chunk: Chunk) -> None:
        """Takes in the next chunk."""
        if self._first_s is None:
            self._first_s = chunk.at_s
        if chunk.completion_tokens is not None:
            self._completion_tokens = chunk.completion_tokens
        if chunk.finish_reason is not None:
            self._finish_reason = chunk.finish_reason
        if chunk.told is not None:
            self._last_text_s = None
            self._hear(chunk.told, chunk.at_s)
        elif chunk.text:
            if self._last_text_s is not None:
                self._gaps_s.append(chunk.at_s - self._last_text_s)
            self._last_text_s = chunk.at_s

    def end(self, at_s: float) -> Measures:
        """The measures of a request that ended at ``at_s``."""
        assert self._first_s is not None  # a whole stream has chunks
        return Measures(
            ttft_s=self._first_s - self._sent_s,
            gaps_s=self._gaps_s,
            resumes_s=self._resumes_s,
            calls=list(self._calls.values()),
            completion_tokens=self._completion_tokens,
            end_to_end_s=at_s - self._sent_s,
            finish_reason=self._finish_reason,
        )

    def _hear(self, told: Told, at_s: float) -> None:
        self._calls[told.id] = told
        if told.state in ("succeeded", "failed"):
            self._results_s[told.id] = at_s
        elif told.state == "resumed" and told.id in self._results_s:
            self._resumes_s.append(at_s - self._results_s.pop(told.id))
