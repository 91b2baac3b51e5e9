"""A real engine core in this process, on the wall clock."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vllm import SamplingParams
from vllm.engine.arg_utils import EngineArgs
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest
from vllm.v1.engine.core import EngineCore
from vllm.v1.executor import Executor

from intercept_core.scheduler import InterceptScheduler
from intercept_core.scheduler.mark import SessionMark
from loadtest.policies.model import VOCABULARY

TRIGGER = VOCABULARY - 1
"""The token that ends every segment."""
BLOCK_TOKENS = 32
MAX_MODEL_LEN = 2048
STOCK = "stock"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """One engine.

    Attributes:
        policy: A policy's name, or :data:`STOCK` for vLLM's own scheduler.
        policy_options: Keyword arguments of the policy.
        prefix_caching: vLLM's setting.
        device_blocks: Blocks of the KV cache.
        host_memory_gib: Size of the host pool.
        bandwidth_gib_per_s: Of copies; None for full speed.
        max_seqs: vLLM's ``max_num_seqs``.
        batched_tokens: vLLM's ``max_num_batched_tokens``.
    """

    policy: str
    policy_options: Mapping[str, Any] = field(default_factory=dict)
    prefix_caching: bool = True
    device_blocks: int = 288
    host_memory_gib: float = 2.0
    bandwidth_gib_per_s: float | None = None
    max_seqs: int = 32
    batched_tokens: int = 512


class BenchEngine:
    """Requests in, outputs out, one iteration at a time, as fast as they come.

    Driven from the same thread, so that no frontend's work is measured; vLLM's scheduler and
    ours are treated alike.

    Args:
        model: Folder of the model.
        settings: What to start.

    Attributes:
        core: vLLM's engine core.
        scheduler: Its scheduler.
        cache_tokens: Tokens that the KV cache holds.
        computed_tokens: Tokens that were computed since :meth:`start`, again or for the first
            time.
    """

    def __init__(self, model: Path, settings: EngineSettings) -> None:
        config = EngineArgs(
            model=str(model),
            load_format="dummy",
            skip_tokenizer_init=True,
            dtype="float32",
            distributed_executor_backend="uni",
            enforce_eager=True,
            max_model_len=MAX_MODEL_LEN,
            max_num_seqs=settings.max_seqs,
            max_num_batched_tokens=settings.batched_tokens,
            block_size=BLOCK_TOKENS,
            num_gpu_blocks_override=settings.device_blocks,
            enable_prefix_caching=settings.prefix_caching,
            async_scheduling=False,
            disable_log_stats=True,
            **_plugins(settings),
        ).create_engine_config()
        self.core = EngineCore(config, Executor.get_class(config), log_stats=False)
        self.scheduler: Scheduler = self.core.scheduler  # type: ignore[assignment]
        self.cache_tokens = settings.device_blocks * BLOCK_TOKENS
        self.start()
        schedule = self.scheduler.schedule

        def counted(*args: Any, **kwargs: Any) -> SchedulerOutput:
            output = schedule(*args, **kwargs)
            self.computed_tokens += output.total_num_scheduled_tokens
            return output

        self.scheduler.schedule = counted  # type: ignore[method-assign]

    @property
    def now_s(self) -> float:
        """Seconds since :meth:`start`."""
        return time.perf_counter() - self._started_s

    def start(self) -> None:
        """Sets the clock and the count to zero."""
        self._started_s = time.perf_counter()
        self.computed_tokens = 0

    @property
    def intercepting(self) -> InterceptScheduler | None:
        """The scheduler, if it is ours."""
        found = self.scheduler
        return found if isinstance(found, InterceptScheduler) else None

    def add(
        self,
        request_id: str,
        token_ids: Sequence[int],
        output_tokens: int,
        *,
        arrival_s: float,
        session: bool,
        calls: bool,
    ) -> None:
        """Sends a request, or the next input of a session.

        Args:
            request_id: Of the request.
            token_ids: Its prompt, or what the session goes on with.
            output_tokens: How much it says.
            arrival_s: When it arrived (wall clock).
            session: Whether it can be intercepted and resumed.
            calls: Whether its last token is the trigger.
        """
        request = EngineCoreRequest(
            request_id=request_id,
            prompt_token_ids=list(token_ids),
            mm_features=None,
            sampling_params=_params(request_id, output_tokens, session, calls),
            pooling_params=None,
            arrival_time=arrival_s,
            lora_request=None,
            cache_salt=None,
            data_parallel_rank=None,
            resumable=session,
            external_req_id=request_id,
        )
        self.core.add_request(*self.core.preprocess_add_request(request))

    def step(self) -> list[EngineCoreOutput]:
        """One iteration."""
        outputs, executed = self.core.step_fn()
        self.core.post_step(model_executed=executed)
        return [output for batch in (outputs or {}).values() for output in batch.outputs]

    def close(self) -> None:
        """Ends the engine."""
        self.core.shutdown()


def _plugins(settings: EngineSettings) -> Mapping[str, Any]:
    if settings.policy == STOCK:
        return {}
    swap: dict[str, float] = {"host_memory_gib": settings.host_memory_gib}
    if settings.bandwidth_gib_per_s is not None:
        swap["bandwidth_gib_per_s"] = settings.bandwidth_gib_per_s
    return {
        "scheduler_cls": "intercept_core.scheduler.InterceptScheduler",
        "additional_config": {
            "intercept": {
                "policy": settings.policy,
                "policy_options": dict(settings.policy_options),
            }
        },
        "kv_transfer_config": {
            "kv_connector": "InterceptConnector",
            "kv_connector_module_path": "intercept_core.swap.connector",
            "kv_role": "kv_producer",
            "kv_connector_extra_config": swap,
        },
    }


def _params(request_id: str, output_tokens: int, session: bool, calls: bool) -> SamplingParams:
    # Random weights say nothing of use: a bias has them always wish to call, and only the
    # least number of tokens keeps them from it. Stock vLLM gets the same parameters.
    mark = SessionMark(
        key=request_id, trigger_token_ids=frozenset({TRIGGER}), park_at_end_of_turn=False
    )
    return SamplingParams(
        temperature=0,
        min_tokens=output_tokens - 1 if calls else 0,
        max_tokens=output_tokens + calls,  # a call ends with the trigger, not for its length
        stop_token_ids=[TRIGGER],
        logit_bias={TRIGGER: 100.0 if calls else -100.0},
        ignore_eos=True,
        detokenize=False,
        extra_args=mark.to_extra_args() if session else None,
    )
