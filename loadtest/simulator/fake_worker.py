"""What a worker would answer, without computing."""

from dataclasses import dataclass

from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.outputs import KVConnectorOutput, ModelRunnerOutput

from intercept_core.swap.block_copy import BlockCopy, CopyOrders, CopyReports

TRIGGER = 1
"""The token that ends a segment with a call."""


@dataclass(slots=True)
class _Progress:
    known_tokens: int
    left_in_segment: int
    calls: bool


class FakeWorker:
    """Samples a conversation's own token, and the trigger where its segment ends."""

    def __init__(self) -> None:
        self._of: dict[str, _Progress] = {}
        self._token: dict[str, int] = {}

    def segment(self, request_id: str, token: int, output_tokens: int, calls: bool) -> None:
        """Tells what ``request_id`` generates next."""
        self._token[request_id] = token
        self._of[request_id] = _Progress(0, output_tokens, calls)

    def run(self, output: SchedulerOutput) -> ModelRunnerOutput:
        """The samples of one iteration."""
        computed: dict[str, int] = {}
        for new in output.scheduled_new_reqs:
            computed[new.req_id] = new.num_computed_tokens
            self._of[new.req_id].known_tokens = len(new.prompt_token_ids or ())
        cached = output.scheduled_cached_reqs
        computed.update(zip(cached.req_ids, cached.num_computed_tokens, strict=True))
        samples: list[list[int]] = []
        for request_id, count in output.num_scheduled_tokens.items():
            progress = self._of[request_id]
            if computed[request_id] + count < progress.known_tokens:
                samples.append([])
                continue
            progress.known_tokens += 1
            progress.left_in_segment -= 1
            ends = progress.calls and progress.left_in_segment == 0
            samples.append([TRIGGER if ends else self._token[request_id]])
        ids = list(output.num_scheduled_tokens)
        return ModelRunnerOutput(
            req_ids=ids,
            req_id_to_index={request_id: index for index, request_id in enumerate(ids)},
            sampled_token_ids=samples,
        )


class FakeCopies:
    """Copies that take their time on two lanes, out and in."""

    def __init__(self, block_s: float) -> None:
        self._block_s = block_s
        self._lane_free_s = {True: 0.0, False: 0.0}
        self._ends: list[tuple[float, int, float]] = []

    def start(self, output: SchedulerOutput, now_s: float) -> float:
        """Starts an iteration's copies; returns when its forward pass may begin."""
        orders = output.kv_connector_metadata
        if not isinstance(orders, CopyOrders):
            return now_s
        last_s = max((self._start(copy, now_s) for copy in orders.copies), default=now_s)
        return max(last_s, now_s) if orders.wait else now_s

    def _start(self, copy: BlockCopy, now_s: float) -> float:
        seconds = len(copy.host_blocks) * self._block_s
        end_s = max(now_s, self._lane_free_s[copy.to_host]) + seconds
        self._lane_free_s[copy.to_host] = end_s
        self._ends.append((end_s, copy.copy_id, seconds))
        return end_s

    @property
    def next_end_s(self) -> float:
        """When the next copy ends; infinity without one."""
        return min((end_s for end_s, _, _ in self._ends), default=float("inf"))

    def report(self, result: ModelRunnerOutput, now_s: float) -> None:
        """Adds the copies that have ended to an iteration's result."""
        done = [entry for entry in self._ends if entry[0] <= now_s]
        if not done:
            return
        self._ends = [entry for entry in self._ends if entry[0] > now_s]
        result.kv_connector_output = KVConnectorOutput(
            kv_connector_worker_meta=CopyReports(
                workers={copy_id: 1 for _, copy_id, _ in done},
                seconds={copy_id: seconds for _, copy_id, seconds in done},
            )
        )
