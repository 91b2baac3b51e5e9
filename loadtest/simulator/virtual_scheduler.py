"""vLLM's scheduler and KV cache manager without a model."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from vllm.config import KVTransferConfig, VllmConfig
from vllm.engine.arg_utils import EngineArgs
from vllm.utils.hashing import sha256
from vllm.v1.core.kv_cache_utils import get_request_block_hasher, init_none_hash
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.kv_cache_interface import (
    FullAttentionSpec,
    KVCacheConfig,
    KVCacheGroupSpec,
    KVCacheTensor,
)
from vllm.v1.request import Request
from vllm.v1.structured_output import StructuredOutputManager

from intercept_core.policy.learned_cost_model import LearnedCostModel
from intercept_core.scheduler import InterceptScheduler
from intercept_core.scheduler.config import InterceptConfig
from intercept_core.swap.connector import InterceptConnector
from intercept_core.swap.host_pool import GIB
from loadtest.simulator.fake_copies import FakeCopies
from loadtest.simulator.hardware import Hardware
from loadtest.simulator.settings import STOCK

MAX_MODEL_LEN = 8192
BATCHED_TOKENS = 2048
"""vLLM's default on an A100."""
MAX_SEQS = 256
"""Likewise."""

_MODEL = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 32000,
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "max_position_embeddings": MAX_MODEL_LEN,
    "torch_dtype": "float32",
}
"""Any model that vLLM's configuration accepts: nothing of it is loaded."""


def make_scheduler(
    hardware: Hardware,
    policy: str,
    clock: Callable[[], float],
    *,
    prefix_caching: bool = True,
    policy_options: Mapping[str, Any] | None = None,
    recompute_slowdown: float | None = None,
) -> Scheduler:
    """The production scheduler, or vLLM's own for :data:`STOCK`.

    Its cost model starts from the hardware's true times, as from a measured profile.

    Args:
        hardware: The machine.
        policy: A policy's name, ``package.module:Class``, or :data:`STOCK`.
        clock: Seconds, for the scheduler.
        prefix_caching: vLLM's setting.
        policy_options: Keyword arguments of the policy.
        recompute_slowdown: See :class:`~intercept_core.scheduler.config.InterceptConfig`.

    Raises:
        ValueError: for an unknown policy, or options that it does not take.
    """
    intercept = InterceptConfig(
        policy=policy,
        policy_options=dict(policy_options or {}),
        recompute_slowdown=recompute_slowdown,
    )
    config = _config(hardware, intercept, prefix_caching)
    arguments: dict[str, Any] = {
        "vllm_config": config,
        "kv_cache_config": _cache_config(hardware),
        "structured_output_manager": StructuredOutputManager(config),
        "block_size": hardware.block_tokens,
        "hash_block_size": hardware.block_tokens,
        "log_stats": False,
    }
    if policy == STOCK:
        return Scheduler(**arguments)
    scheduler = InterceptScheduler(**arguments)
    scheduler.clock = clock
    if isinstance(scheduler.connector, InterceptConnector):
        scheduler.connector.lanes = FakeCopies.lanes
    scheduler.intercept_cost = LearnedCostModel(hardware.cost, hardware.cost.saturation_tokens)
    return scheduler


def block_hasher(hardware: Hardware) -> Callable[[Request], Any]:
    """Hashes blocks as the engine does, for prefix caching."""
    init_none_hash(sha256)
    return get_request_block_hasher(hardware.block_tokens, sha256)


def _config(hardware: Hardware, intercept: InterceptConfig, prefix_caching: bool) -> VllmConfig:
    # Read by vLLM's platform check, for a cache that is never allocated.
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    own = intercept.policy == STOCK
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(_MODEL))
        config = EngineArgs(
            model=folder,
            dtype="float32",
            max_model_len=MAX_MODEL_LEN,
            max_num_seqs=MAX_SEQS,
            max_num_batched_tokens=BATCHED_TOKENS,
            block_size=hardware.block_tokens,
            enable_prefix_caching=prefix_caching,
            skip_tokenizer_init=True,
            kv_transfer_config=None if own else _transfer(hardware),
            additional_config={} if own else {"intercept": intercept.model_dump()},
        ).create_engine_config()
    config.scheduler_config.async_scheduling = False
    config.cache_config.num_gpu_blocks = hardware.device_blocks
    return config


def _transfer(hardware: Hardware) -> KVTransferConfig:
    # The pool's size is given in memory; half a block more survives the rounding.
    host_gib = (hardware.host_blocks + 0.5) * _page_bytes(hardware) / GIB
    return KVTransferConfig(
        kv_connector="InterceptConnector",
        kv_connector_module_path="intercept_core.swap.connector",
        kv_role="kv_producer",
        kv_connector_extra_config={"host_memory_gib": host_gib},
    )


def _spec(hardware: Hardware) -> FullAttentionSpec:
    # The smallest cache there is: only the numbers of its blocks count here.
    return FullAttentionSpec(
        block_size=hardware.block_tokens, num_kv_heads=1, head_size=1, dtype=torch.float32
    )


def _page_bytes(hardware: Hardware) -> int:
    return int(_spec(hardware).page_size_bytes)


def _cache_config(hardware: Hardware) -> KVCacheConfig:
    page = _page_bytes(hardware)
    blocks = hardware.device_blocks
    tensor = KVCacheTensor(
        size=blocks * page, layers=["l"], layer_stride=page * blocks, block_stride=page
    )
    return KVCacheConfig(
        num_blocks=blocks,
        kv_cache_tensors=[tensor],
        kv_cache_groups=[KVCacheGroupSpec(["l"], _spec(hardware))],
    )
