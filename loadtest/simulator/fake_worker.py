"""A worker that computes nothing."""

from dataclasses import dataclass

from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.outputs import ModelRunnerOutput

from loadtest.simulator.worker import Work, Worker

TRIGGER = 1
"""The token that ends a segment with a call."""


@dataclass(slots=True)
class _Progress:
    """Attributes:
    token: What it says.
    known_tokens: Length of its context, as far as it is known.
    computed_tokens: How far it has ever been computed.
    left_tokens: Tokens until the end of its segment.
    calls: Whether the segment ends with a call.
    """

    token: int
    known_tokens: int = 0
    computed_tokens: int = 0
    left_tokens: int = 0
    calls: bool = False


class FakeWorker(Worker):
    """Says a conversation's own token over and over, and the trigger where a call is due."""

    def __init__(self) -> None:
        self._conversations: dict[str, _Progress] = {}
        self._of: dict[str, _Progress] = {}

    def expect(
        self, request_id: str, conversation: str, token: int, output_tokens: int, calls: bool
    ) -> None:
        """Tells what comes next.

        Args:
            request_id: The request that will say it.
            conversation: The conversation that it continues, maybe under another id.
            token: What it says.
            output_tokens: How often.
            calls: Whether the last is the trigger instead.
        """
        progress = self._conversations.setdefault(conversation, _Progress(token))
        progress.left_tokens = output_tokens
        progress.calls = calls
        self._of[request_id] = progress

    def forget(self, request_id: str, conversation: str) -> None:
        """Tells that a conversation has ended."""
        self._of.pop(request_id, None)
        self._conversations.pop(conversation, None)

    def run(self, output: SchedulerOutput) -> tuple[ModelRunnerOutput, Work]:
        computed: dict[str, int] = {}
        for new in output.scheduled_new_reqs:
            computed[new.req_id] = new.num_computed_tokens
            self._of[new.req_id].known_tokens = len(new.prompt_token_ids or ())
        cached = output.scheduled_cached_reqs
        computed.update(zip(cached.req_ids, cached.num_computed_tokens, strict=True))
        context_tokens = again_tokens = 0
        samples: list[list[int]] = []
        for request_id, count in output.num_scheduled_tokens.items():
            progress = self._of[request_id]
            start = computed[request_id]
            end = start + count
            context_tokens += end
            if start < progress.computed_tokens:
                again_tokens += min(end, progress.computed_tokens) - start
            if end > progress.computed_tokens:
                progress.computed_tokens = end
            if end < progress.known_tokens:
                samples.append([])
                continue
            progress.known_tokens += 1
            progress.left_tokens -= 1
            due = progress.calls and progress.left_tokens == 0
            samples.append([TRIGGER if due else progress.token])
        ids = list(output.num_scheduled_tokens)
        result = ModelRunnerOutput(
            req_ids=ids,
            req_id_to_index={request_id: index for index, request_id in enumerate(ids)},
            sampled_token_ids=samples,
        )
        return result, Work(output.total_num_scheduled_tokens, context_tokens, again_tokens)
