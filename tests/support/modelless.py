"""The production scheduler of any kind, without a model, small enough to be short of things."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from unittest.mock import patch

import torch
from fickle import Fickle
from vllm.config import VllmConfig
from vllm.v1.kv_cache_interface import KVCacheConfig, SlidingWindowSpec
from vllm.v1.structured_output import StructuredOutputManager

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.learned_cost_model import LearnedCostModel
from intercept_core.scheduler import InterceptAsyncScheduler, InterceptScheduler
from intercept_core.scheduler.config import InterceptConfig
from intercept_core.scheduler.mixin import InterceptMixin
from loadtest.simulator import virtual_scheduler
from loadtest.simulator.hardware import Hardware

FICKLE = "fickle:Fickle"
BLOCK_TOKENS = 16
MODEL_TOKENS = 512
BATCH_TOKENS = 96
MOST_RUNNING = 6
COST = LinearCostModel(token_s=5e-4, block_out_s=2e-3, block_in_s=2e-3, saturation_tokens=48)
"""Copies hide five blocks and more in an iteration, and beat computing again."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of engine.

    Attributes:
        policy: A policy's name, or :data:`FICKLE`.
        asynchronous: Whether the next iteration is scheduled for tokens not sampled yet.
        runner_v2: Which of vLLM's model runners the scheduler speaks to.
        depth: Iterations on their way while the next is scheduled.
        caching: Prefix caching.
        device_blocks: Blocks of the device, vLLM's null block included.
        host_blocks: Blocks of the host pool; 0 for no connector at all.
        windows: For each group of layers, how many tokens it attends to; None for all.
    """

    policy: str
    asynchronous: bool
    runner_v2: bool
    depth: int
    caching: bool
    device_blocks: int
    host_blocks: int
    windows: tuple[int | None, ...] = (None,)

    @property
    def hardware(self) -> Hardware:
        return Hardware(
            cost=COST,
            device_blocks=self.device_blocks,
            host_blocks=max(self.host_blocks, 1),
            block_tokens=BLOCK_TOKENS,
        )


def make(kind: Kind, clock: Callable[[], float]) -> InterceptMixin:
    """A scheduler of this kind on this clock."""
    hardware = kind.hardware
    # vLLM takes its second runner only where Triton is.
    runner = property(lambda config: kind.runner_v2)
    intercept = InterceptConfig(policy=kind.policy)
    config = virtual_scheduler._config(hardware, intercept, kind.caching)
    with patch.object(VllmConfig, "use_v2_model_runner", runner):
        if not kind.host_blocks:
            config.kv_transfer_config = None
        config.model_config.max_model_len = MODEL_TOKENS
        config.scheduler_config.max_num_batched_tokens = BATCH_TOKENS
        config.scheduler_config.max_num_seqs = MOST_RUNNING
        config.scheduler_config.async_scheduling = kind.asynchronous
        made = InterceptAsyncScheduler if kind.asynchronous else InterceptScheduler
        scheduler = made(
            vllm_config=config,
            kv_cache_config=_cache_config(kind),
            structured_output_manager=StructuredOutputManager(config),
            block_size=BLOCK_TOKENS,
            hash_block_size=BLOCK_TOKENS,
            log_stats=False,
        )
    assert scheduler.use_v2_model_runner == kind.runner_v2
    if scheduler.swapper is not None:
        assert scheduler.swapper.pool.size == kind.host_blocks
    scheduler.clock = clock
    scheduler.intercept_cost = LearnedCostModel(COST, COST.saturation_tokens)
    return scheduler


def _cache_config(kind: Kind) -> KVCacheConfig:
    config = virtual_scheduler._cache_config(kind.hardware)
    (group,) = config.kv_cache_groups
    return replace(
        config,
        kv_cache_groups=[
            group if window is None else replace(group, kv_cache_spec=_windowed(window))
            for window in kind.windows
        ],
    )


def _windowed(tokens: int) -> SlidingWindowSpec:
    return SlidingWindowSpec(
        block_size=BLOCK_TOKENS,
        num_kv_heads=1,
        head_size=1,
        dtype=torch.float32,
        sliding_window=tokens,
    )


__all__ = ["FICKLE", "Fickle", "Kind", "make"]
