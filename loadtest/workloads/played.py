"""A conversation on its way."""

from dataclasses import dataclass, field

from vllm.v1.request import Request

from loadtest.workloads.conversation import Conversation, Segment


@dataclass(slots=True)
class Played:
    """Where a conversation stands.

    Attributes:
        conversation: What it is.
        index: Index of the present segment.
        context_tokens: Tokens so far, those sent with the present segment included.
        sent_s: When the present segment was asked for.
        first_token_s: When the first token of all came.
        resume_waits_s: For each result, the time to the next token.
        speaking: Whether the present segment has begun.
        end_s: When the last token came.
        requests: What was sent.
    """

    conversation: Conversation
    index: int = 0
    context_tokens: int = 0
    sent_s: float = 0.0
    first_token_s: float | None = None
    resume_waits_s: list[float] = field(default_factory=list)
    speaking: bool = False
    end_s: float | None = None
    requests: list[Request] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Of the conversation."""
        return str(self.conversation.id)

    @property
    def segment(self) -> Segment:
        """The present segment."""
        return self.conversation.segments[self.index]

    @property
    def new_tokens(self) -> int:
        """Tokens that the present segment starts with: the prompt, or a result."""
        if self.index == 0:
            return self.conversation.prompt_tokens
        before = self.conversation.segments[self.index - 1].interception
        assert before is not None
        return before.return_tokens

    def heard(self, now_s: float) -> None:
        """Notes that a token has come."""
        if self.speaking:
            return
        self.speaking = True
        if self.first_token_s is None:
            self.first_token_s = now_s
        else:
            self.resume_waits_s.append(now_s - self.sent_s)

    @property
    def preemptions(self) -> int:
        """How often it was preempted while it ran."""
        return sum(request.num_preemptions for request in self.requests)

    @property
    def ttft_s(self) -> float:
        """Time to the first token."""
        assert self.first_token_s is not None
        return self.first_token_s - self.conversation.arrival_s

    @property
    def normalized_latency_s(self) -> float:
        """End-to-end time without augmentations, for each token generated."""
        assert self.end_s is not None
        conversation = self.conversation
        served_s = self.end_s - conversation.arrival_s - conversation.intercepted_s
        return served_s / conversation.output_tokens
