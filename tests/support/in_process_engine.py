"""A real engine core in the test's own process, stepped by hand: no timing decides a test."""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vllm import SamplingParams
from vllm.distributed.kv_transfer import kv_transfer_state
from vllm.engine.arg_utils import EngineArgs
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest
from vllm.v1.engine.core import EngineCore
from vllm.v1.executor import Executor

from intercept_core.scheduler.mark import SessionMark
from intercept_core.scheduler.mixin import InterceptMixin
from intercept_core.scheduler.text_call import TextCall
from intercept_core.scheduler.text_trigger import TextTrigger

MAX_STEPS = 20_000
"""More than any test needs: a deadlock fails instead of hanging."""


@dataclass
class Turn:
    """Tokens that one turn generated, and why it ended."""

    token_ids: list[int] = field(default_factory=list)
    finish_reason: str | None = None
    stop_reason: int | str | None = None
    report: dict[str, Any] | None = None
    call: TextCall | None = None


class InProcessEngine:
    """Requests in, tokens out, one step at a time.

    Attributes:
        core: vLLM's engine core.
        scheduler: Its scheduler.
        turns: Request id to its turns so far.
        stops_in_flight: Sessions that were parked while a step with them was on its way.
    """

    def __init__(self, model: Path, *, async_scheduling: bool, **engine_args: Any) -> None:
        kind = "Async" if async_scheduling else ""
        args: dict[str, Any] = {
            "dtype": "float32",
            "distributed_executor_backend": "uni",
            "max_model_len": 1024,
            "enforce_eager": True,
            "max_num_seqs": 4,
            "max_num_batched_tokens": 128,
            "block_size": 32,
            "num_gpu_blocks_override": 45,
            "disable_log_stats": True,
        }
        config = EngineArgs(
            model=str(model),
            scheduler_cls=f"intercept_core.scheduler.Intercept{kind}Scheduler",
            **(args | engine_args),
        ).create_engine_config()
        self._connector: Any = None
        with self._own_connector():
            self.core = EngineCore(config, Executor.get_class(config), log_stats=False)
        assert isinstance(self.core.scheduler, InterceptMixin)
        if async_scheduling:
            self._keep_a_step_in_flight()
        self.scheduler = self.core.scheduler
        self.stops_in_flight = 0
        self.turns: dict[str, list[Turn]] = {}
        self._arrivals = itertools.count(1)

    def add(
        self,
        request_id: str,
        token_ids: list[int],
        *,
        max_tokens: int,
        triggers: frozenset[int] = frozenset(),
        text_triggers: tuple[TextTrigger, ...] = (),
        resumable: bool = False,
        priority: int = 0,
        **params: Any,
    ) -> None:
        """Sends a request, or the next input of a session."""
        mark = SessionMark(
            key=request_id,
            trigger_token_ids=triggers,
            park_at_end_of_turn=False,
            text_triggers=text_triggers,
        )
        request = EngineCoreRequest(
            request_id=request_id,
            prompt_token_ids=list(token_ids),
            mm_features=None,
            sampling_params=SamplingParams(
                max_tokens=max_tokens,
                stop_token_ids=sorted(triggers),
                **({"extra_args": mark.to_extra_args()} if resumable else {}),
                **({"temperature": 0} | params),
            ),
            pooling_params=None,
            arrival_time=float(next(self._arrivals)),
            lora_request=None,
            cache_salt=None,
            data_parallel_rank=None,
            resumable=resumable,
            priority=priority,
            external_req_id=request_id,
        )
        self.turns.setdefault(request_id, []).append(Turn())
        self.core.add_request(*self.core.preprocess_add_request(request))

    def close(self, request_id: str) -> None:
        """Sends what AsyncLLM sends when a session's inputs are over."""
        self.add(request_id, [0], max_tokens=1)
        self.turns[request_id].pop()

    def step(self) -> list[EngineCoreOutput]:
        """One iteration; returns its outputs."""
        with self._own_connector():
            outputs, executed = self.core.step_fn()
            self.core.post_step(model_executed=executed)
        flat = [output for batch in (outputs or {}).values() for output in batch.outputs]
        for output in flat:
            turn = self.turns[output.request_id][-1]
            turn.token_ids += output.new_token_ids
            turn.report = (output.kv_transfer_params or {}).get("intercept", turn.report)
            turn.call = TextCall.of(output.kv_transfer_params) or turn.call
            if output.finish_reason is not None:
                self._count_stop(output.request_id)
                turn.finish_reason = str(output.finish_reason)
                turn.stop_reason = output.stop_reason
        return flat

    def run_until(self, done: Callable[[], bool]) -> int:
        """Steps until ``done``; returns the number of steps."""
        for steps in range(MAX_STEPS):
            if done():
                return steps
            self.step()
        raise AssertionError(f"not done after {MAX_STEPS} steps")

    def drain(self) -> None:
        """Steps until the engine has nothing to do."""
        self.run_until(lambda: not self.core.scheduler.has_requests() and not self._in_flight())

    def ended(self, request_id: str) -> bool:
        """Whether the request's latest turn is over."""
        return self.turns[request_id][-1].finish_reason is not None

    def generate(self, token_ids: list[int], max_tokens: int, **params: Any) -> list[int]:
        """A from-scratch run without any prefix cache."""
        request_id = f"scratch-{next(self._arrivals)}"
        self.add(
            request_id,
            token_ids,
            max_tokens=max_tokens,
            skip_reading_prefix_cache=True,
            **({"ignore_eos": True} | params),
        )
        self.run_until(lambda: self.ended(request_id))
        return self.turns.pop(request_id)[-1].token_ids

    @property
    def free_blocks(self) -> int:
        """KV blocks that can be allocated."""
        return self.scheduler.kv_cache_manager.block_pool.get_num_free_blocks()

    @contextmanager
    def _own_connector(self) -> Iterator[None]:
        """vLLM keeps a process's connector in a global; here every engine has its own."""
        others = kv_transfer_state._KV_CONNECTOR_AGENT
        kv_transfer_state._KV_CONNECTOR_AGENT = self._connector
        try:
            yield
        finally:
            self._connector = kv_transfer_state._KV_CONNECTOR_AGENT
            kv_transfer_state._KV_CONNECTOR_AGENT = others

    @property
    def worker_connector(self) -> Any:
        """The worker's side of the KV connector."""
        return self._connector

    def _keep_a_step_in_flight(self) -> None:
        """vLLM turns asynchronous scheduling off on CPUs, where nothing runs beside Python.
        Its queue of batches works all the same: each step is scheduled before the scheduler
        has seen what the one before it sampled."""
        self.core.batch_queue_size = 2
        self.core.batch_queue = deque(maxlen=2)
        self.core.step_fn = self.core.step_with_batch_queue

    def _count_stop(self, request_id: str) -> None:
        parked = self.scheduler.parked.get(request_id)
        if parked is not None and parked.request.num_stale_output_tokens:
            self.stops_in_flight += 1

    def _in_flight(self) -> bool:
        return bool(self.core.batch_queue)
