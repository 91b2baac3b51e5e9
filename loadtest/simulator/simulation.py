"""Plays a workload against the production scheduler under a virtual clock."""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from vllm import SamplingParams
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreOutput
from vllm.v1.request import Request

from intercept_core.scheduler import InterceptScheduler
from intercept_core.scheduler.mark import SessionMark
from loadtest.simulator.fake_worker import TRIGGER, FakeCopies, FakeWorker
from loadtest.simulator.hardware import Hardware
from loadtest.simulator.virtual_engine import BLOCK_TOKENS, block_hasher, make_scheduler
from loadtest.workloads.conversation import Conversation
from loadtest.workloads.six_kinds import REPORTING_KINDS

STOCK = "stock"
"""In place of a policy: vLLM's own scheduler, to which a resume is a new request."""


@dataclass(slots=True)
class Played:
    """One conversation on its way.

    Attributes:
        conversation: What it is.
        segment: Index of the present segment.
        context: Its tokens so far, which only ``stock`` sends again.
        first_token_s: When the first token came.
        end_s: When the last came.
    """

    conversation: Conversation
    segment: int = 0
    context_tokens: int = 0
    first_token_s: float | None = None
    end_s: float | None = None

    @property
    def normalized_latency_s(self) -> float:
        """End-to-end time without augmentations, for each token generated."""
        assert self.end_s is not None
        conversation = self.conversation
        served_s = self.end_s - conversation.arrival_s - conversation.intercepted_s
        return served_s / conversation.output_tokens


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run showed.

    Attributes:
        policy: Which.
        completed: Conversations that ended within the window.
        throughput_per_s: Of those, a second.
        normalized_latency_s: Of each conversation that ended.
        ttft_s: Of each that started.
        forward_s: Time of all iterations.
        recompute_s: Their share for tokens that had been computed before.
        idle_share: Share of the device cache held by parked requests, over time.
        telemetry: The scheduler's totals.
        span_s: Virtual time.
    """

    policy: str
    completed: int = 0
    throughput_per_s: float = 0.0
    normalized_latency_s: list[float] = field(default_factory=list)
    ttft_s: list[float] = field(default_factory=list)
    forward_s: float = 0.0
    recompute_s: float = 0.0
    idle_share: float = 0.0
    telemetry: dict[str, float] = field(default_factory=dict)
    span_s: float = 0.0

    @property
    def median_latency_s(self) -> float:
        """Median normalized latency; infinite if nothing ended."""
        return median(self.normalized_latency_s) if self.normalized_latency_s else float("inf")


class Simulation:
    """One policy, one machine, one workload.

    Args:
        hardware: The machine and model.
        policy: A policy's name, or :data:`STOCK`.
        workload: What arrives.
        prefix_caching: vLLM's setting.
        until_s: Stops then; else when all have ended.
        reports_etas: Whether augmentations that can say when they will be done do so.
    """

    def __init__(
        self,
        hardware: Hardware,
        policy: str,
        workload: Sequence[Conversation],
        *,
        prefix_caching: bool = True,
        until_s: float = float("inf"),
        reports_etas: bool = True,
    ) -> None:
        self.now_s = 0.0
        self._hardware = hardware
        self._policy = policy
        self._until_s = until_s
        self._reports_etas = reports_etas
        self._scheduler: Scheduler = make_scheduler(
            hardware, None if policy == STOCK else policy, prefix_caching=prefix_caching
        )
        if isinstance(self._scheduler, InterceptScheduler):
            self._scheduler.clock = lambda: self.now_s
        self._hasher = block_hasher() if prefix_caching else None
        self._worker = FakeWorker()
        self._copies = FakeCopies(hardware.block_copy_s(BLOCK_TOKENS))
        self._played = {str(c.id): Played(c) for c in workload}
        self._tickets = itertools.count()
        self._events = [(c.arrival_s, next(self._tickets), str(c.id)) for c in workload]
        heapq.heapify(self._events)
        self._outcome = Outcome(policy=policy)
        self._left = len(workload)

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler under test."""
        return self._scheduler

    def run(self) -> Outcome:
        """Plays until the end.

        Raises:
            RuntimeError: if nothing can go on though requests are left.
        """
        while self._left and self.now_s < self._until_s:
            while self._events and self._events[0][0] <= self.now_s:
                self._send(heapq.heappop(self._events)[2])
            if self._scheduler.has_requests():
                self._iterate()
            elif self._events:
                self.now_s = self._events[0][0]
            else:
                raise RuntimeError(f"{self._left} requests are left and nothing goes on")
        return self._summary()

    def _iterate(self) -> None:
        output = self._scheduler.schedule()
        start_s = self._copies.start(output, self.now_s)
        result = self._worker.run(output)
        tokens = output.total_num_scheduled_tokens
        if tokens:
            context = sum(r.num_computed_tokens for r in self._scheduler.running)
            forward_s = self._hardware.forward_s(tokens, context)
            self._outcome.forward_s += forward_s
            self._count_recomputed(output, forward_s)
            self.now_s = start_s + forward_s
        else:
            self.now_s = max(self._next_news_s(), self.now_s)
        self._copies.report(result, self.now_s)
        for batch in self._scheduler.update_from_output(output, result).values():
            for item in batch.outputs:
                self._receive(item)

    def _next_news_s(self) -> float:
        event_s = self._events[0][0] if self._events else float("inf")
        next_s = min(self._copies.next_end_s, event_s)
        if next_s == float("inf"):
            raise RuntimeError(f"{self._left} requests are left and the engine only spins")
        return next_s

    def _count_recomputed(self, output: Any, forward_s: float) -> None:
        # For vLLM a resumed request is new: all that it computes of the old context it had.
        if self._policy != STOCK:
            return
        again = 0
        for new in output.scheduled_new_reqs:
            played = self._played[new.req_id.partition("/")[0]]
            if played.segment:
                again += max(played.context_tokens - new.num_computed_tokens, 0)
        self._outcome.recompute_s += self._hardware.token_s * again

    def _send(self, name: str) -> None:
        played = self._played[name]
        conversation = played.conversation
        segment = conversation.segments[played.segment]
        calls = segment.interception is not None
        token = conversation.id + 2
        if played.segment == 0:
            tokens = conversation.prompt_tokens
        else:
            before = conversation.segments[played.segment - 1].interception
            assert before is not None
            tokens = before.return_tokens
        stock = self._policy == STOCK
        request_id = f"{name}/{played.segment}" if stock else name
        self._worker.segment(request_id, token, segment.output_tokens, calls and not stock)
        mark = SessionMark(
            key=name, trigger_token_ids=frozenset({TRIGGER}), park_at_end_of_turn=False
        )
        prompt = (played.context_tokens if stock else 0) + tokens
        params = SamplingParams(
            temperature=0,
            max_tokens=segment.output_tokens + (1 if calls and not stock else 0),
            stop_token_ids=[] if stock else [TRIGGER],
            ignore_eos=True,
            extra_args=None if stock else mark.to_extra_args(),
        )
        played.context_tokens += tokens
        self._scheduler.add_request(
            Request(
                request_id,
                [token] * prompt,
                params,
                None,
                arrival_time=self.now_s,
                resumable=not stock,
                block_hasher=self._hasher,
            )
        )

    def _receive(self, item: EngineCoreOutput) -> None:
        name = item.request_id.partition("/")[0]
        played = self._played[name]
        if played.first_token_s is None and item.new_token_ids:
            played.first_token_s = self.now_s
        if item.finish_reason is None:
            return
        segment = played.conversation.segments[played.segment]
        played.context_tokens += segment.output_tokens
        if segment.interception is None:
            played.end_s = self.now_s
            self._left -= 1
            return
        played.segment += 1
        returns_s = self.now_s + segment.interception.seconds
        heapq.heappush(self._events, (returns_s, next(self._tickets), name))
        self._report(name, segment.interception.kind, returns_s)

    def _report(self, name: str, kind: str, returns_s: float) -> None:
        scheduler = self._scheduler
        if not isinstance(scheduler, InterceptScheduler):
            return
        parked = scheduler.parked.get(name)
        if parked is None:
            raise RuntimeError(f"request {name} was not parked at its interception")
        parked.returns_s = returns_s
        tells = self._reports_etas and kind in REPORTING_KINDS
        scheduler.parked.report(name, kind=kind, eta_s=returns_s if tells else None)

    def _summary(self) -> Outcome:
        outcome = self._outcome
        ended = [p for p in self._played.values() if p.end_s is not None]
        started = [p for p in self._played.values() if p.first_token_s is not None]
        outcome.span_s = self.now_s
        outcome.completed = len(ended)
        outcome.throughput_per_s = len(ended) / self.now_s
        outcome.normalized_latency_s = [p.normalized_latency_s for p in ended]
        outcome.ttft_s = [
            p.first_token_s - p.conversation.arrival_s
            for p in started
            if p.first_token_s is not None
        ]
        if isinstance(self._scheduler, InterceptScheduler):
            telemetry = self._scheduler.telemetry
            outcome.telemetry = telemetry.as_dict()
            outcome.recompute_s = self._scheduler.iterations.recompute_s
            blocks = self._scheduler.kv_cache_manager.block_pool.num_gpu_blocks
            outcome.idle_share = telemetry.parked_block_s / (blocks * self.now_s)
        return outcome
