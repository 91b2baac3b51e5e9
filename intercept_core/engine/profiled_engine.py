"""An engine core in this process, stepped by hand, whose scheduler tells what all took."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from vllm import SamplingParams
from vllm.v1.engine import EngineCoreRequest
from vllm.v1.engine.core import EngineCore

from intercept_core.policy.learned_cost_model import LearnedCostModel
from intercept_core.scheduler.mark import SessionMark
from intercept_core.scheduler.mixin import InterceptMixin

MOST_STEPS = 100_000
"""An engine that makes no progress fails instead of hanging."""
_TRIGGER = 0
"""The token that ends the turn of a session: it may generate no other."""


class SeenIteration(NamedTuple):
    """One iteration, as the scheduler measures it while it serves."""

    query_tokens: int
    context_tokens: int
    seconds: float


class SeenCopy(NamedTuple):
    """One copy, likewise."""

    blocks: int
    seconds: float


class CostRecorder(LearnedCostModel):
    """Stands where the scheduler's costs stand: writes down instead of learning, and answers
    so that every context whose blocks are on the host is copied back.

    Attributes:
        iterations: All so far.
        copies: All so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.iterations: list[SeenIteration] = []
        self.copies: list[SeenCopy] = []

    def forward_s(self, query_tokens: int, context_tokens: int) -> float:
        """A second for each token, beside which a copy is nothing."""
        return float(query_tokens)

    def copy_s(self, blocks: int, *, to_host: bool) -> float:
        """Nothing."""
        return 0.0

    def observe_iteration(self, query_tokens: int, context_tokens: int, seconds: float) -> None:
        """Writes it down."""
        self.iterations.append(SeenIteration(query_tokens, context_tokens, seconds))

    def observe_copy(self, blocks: int, seconds: float, *, to_host: bool) -> None:
        """Writes it down."""
        self.copies.append(SeenCopy(blocks, seconds))


class ProfiledEngine:
    """Random prompts in; times out.

    Args:
        core: An idle engine core with our scheduler. Copies are only measured if its policy
            is ``swap``, which copies at once and waits.

    Attributes:
        seen: What the scheduler has measured.
        scheduler: The core's scheduler.

    Raises:
        ValueError: for an engine with another scheduler.
    """

    def __init__(self, core: EngineCore) -> None:
        if not isinstance(core.scheduler, InterceptMixin):
            raise ValueError(f"the engine runs {type(core.scheduler).__name__}, not ours")
        self._core = core
        self.scheduler = core.scheduler
        self.seen = CostRecorder()
        self.scheduler.intercept_cost = self.seen
        self._vocabulary = core.vllm_config.model_config.get_vocab_size()
        self._rng = np.random.default_rng(seed=0)
        self._numbers = itertools.count(1)
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    # -- limits ------------------------------------------------------------------------

    @property
    def batch_tokens(self) -> int:
        """Most query tokens of an iteration."""
        return int(self.scheduler.scheduler_config.max_num_batched_tokens)

    @property
    def most_requests(self) -> int:
        """Most requests of an iteration."""
        return int(self.scheduler.scheduler_config.max_num_seqs)

    @property
    def context_limit(self) -> int:
        """Longest context, in tokens."""
        return int(self.scheduler.max_model_len)

    @property
    def block_tokens(self) -> int:
        """Tokens of a block."""
        return int(self.scheduler.block_size)

    @property
    def device_blocks(self) -> int:
        """Blocks of the KV cache."""
        return int(self.scheduler.kv_cache_manager.block_pool.num_gpu_blocks)

    @property
    def host_blocks(self) -> int:
        """Blocks of the host pool; 0 without one, or when the policy does not copy."""
        swapper = self.scheduler.swapper
        copies = self.scheduler.intercept_policy.waits_for_copies
        return swapper.pool.size if swapper is not None and copies else 0

    # -- requests ----------------------------------------------------------------------

    def add(self, prompt_tokens: int, max_tokens: int) -> str:
        """Sends a request with a random prompt, which no cache knows; returns its id."""
        request_id = f"profile-{next(self._numbers)}"
        params = SamplingParams(temperature=0, max_tokens=max_tokens, ignore_eos=True)
        self._send(request_id, self._random_tokens(prompt_tokens), params)
        return request_id

    def add_session(self, prompt_tokens: int) -> str:
        """Sends a session that calls an augmentation with its first token; returns its id."""
        request_id = f"profile-{next(self._numbers)}"
        mark = SessionMark(
            key=request_id,
            trigger_token_ids=frozenset([_TRIGGER]),
            park_at_end_of_turn=False,
        )
        params = SamplingParams(
            temperature=0,
            max_tokens=2,
            allowed_token_ids=[_TRIGGER],
            stop_token_ids=[_TRIGGER],
            extra_args=mark.to_extra_args(),
        )
        self._send(request_id, self._random_tokens(prompt_tokens), params, resumable=True)
        return request_id

    def resume_and_end(self, session_id: str) -> None:
        """Gives a parked session its result, and steps until it has ended."""
        params = SamplingParams(temperature=0, max_tokens=1, ignore_eos=True)
        self._ended.discard(session_id)
        self._send(session_id, self._random_tokens(1), params, resumable=True)
        self.run_until(lambda: self.has_ended(session_id))
        self._send(session_id, self._random_tokens(1), params)  # the closing message

    def has_begun(self, request_id: str) -> bool:
        """Whether the request has generated a token."""
        return request_id in self._begun

    def has_ended(self, request_id: str) -> bool:
        """Whether the request, or the latest turn of the session, is over."""
        return request_id in self._ended

    def abort(self, request_ids: list[str]) -> None:
        """Ends requests, and steps until the engine rests."""
        self._core.abort_requests(request_ids)
        self._ended.update(request_ids)
        self.rest()

    def _random_tokens(self, count: int) -> list[int]:
        tokens: list[int] = self._rng.integers(1, self._vocabulary, count).tolist()
        return tokens

    def _send(
        self,
        request_id: str,
        token_ids: list[int],
        params: SamplingParams,
        *,
        resumable: bool = False,
    ) -> None:
        request = EngineCoreRequest(
            request_id=request_id,
            prompt_token_ids=token_ids,
            mm_features=None,
            sampling_params=params,
            pooling_params=None,
            arrival_time=float(next(self._numbers)),
            lora_request=None,
            cache_salt=None,
            data_parallel_rank=None,
            resumable=resumable,
            external_req_id=request_id,
        )
        self._core.add_request(*self._core.preprocess_add_request(request))

    # -- steps -------------------------------------------------------------------------

    def step(self) -> None:
        """One iteration, or, with several in flight, a part of the way to its end."""
        outputs, executed = self._core.step_fn()
        self._core.post_step(model_executed=executed)
        for batch in (outputs or {}).values():
            for output in batch.outputs:
                self._note(output)

    def run_until(self, done: Callable[[], bool]) -> None:
        """Steps until ``done``.

        Raises:
            RuntimeError: if that is never.
        """
        for _ in range(MOST_STEPS):
            if done():
                return
            self.step()
        raise RuntimeError(f"the engine is not done after {MOST_STEPS} iterations")

    def rest(self) -> None:
        """Steps until the engine has nothing to do."""
        core = self._core
        self.run_until(lambda: not core.scheduler.has_requests() and not core.batch_queue)

    def _note(self, output: Any) -> None:
        if output.new_token_ids:
            self._begun.add(output.request_id)
        if output.finish_reason is not None:
            self._ended.add(output.request_id)
