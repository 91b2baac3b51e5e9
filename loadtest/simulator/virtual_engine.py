"""vLLM's scheduler and KV cache manager without a model, under a virtual clock."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from vllm.config import VllmConfig
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
from vllm.v1.structured_output import StructuredOutputManager

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.learned_cost_model import LearnedCostModel
from intercept_core.policy.registry import POLICIES
from intercept_core.scheduler import InterceptScheduler
from intercept_core.swap.host_pool import GIB
from loadtest.simulator.hardware import Hardware

BLOCK_TOKENS = 16
MAX_MODEL_LEN = 8192
BATCHED_TOKENS = 2048
MAX_SEQS = 256

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
    hardware: Hardware, policy: str | None, *, prefix_caching: bool
) -> Scheduler:
    """The production scheduler for ``hardware``; vLLM's own if ``policy`` is None."""
    blocks = hardware.device_blocks(BLOCK_TOKENS)
    swaps = policy is not None and policy not in {"discard", "improved_discard", "preserve", "ttl"}
    config = _config(hardware, blocks, policy, swaps, prefix_caching)
    cache = _cache_config(blocks)
    cls = Scheduler if policy is None else InterceptScheduler
    scheduler = cls(
        vllm_config=config,
        kv_cache_config=cache,
        structured_output_manager=StructuredOutputManager(config),
        block_size=BLOCK_TOKENS,
        hash_block_size=BLOCK_TOKENS,
        log_stats=False,
    )
    if isinstance(scheduler, InterceptScheduler):
        prior = LinearCostModel(
            iteration_s=hardware.iteration_s,
            token_s=hardware.token_s,
            context_token_s=hardware.context_token_s,
            block_copy_s=hardware.block_copy_s(BLOCK_TOKENS),
        )
        scheduler.intercept_cost = LearnedCostModel(prior, hardware.saturation_tokens)
    return scheduler


def block_hasher() -> Any:
    """Hashes blocks as the engine does, for prefix caching."""
    init_none_hash(sha256)
    return get_request_block_hasher(BLOCK_TOKENS, sha256)


def _config(
    hardware: Hardware, blocks: int, policy: str | None, swaps: bool, prefix_caching: bool
) -> VllmConfig:
    assert policy is None or policy in POLICIES, policy
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    host_gib = hardware.host_blocks(BLOCK_TOKENS) * _page_bytes() / GIB
    transfer = {
        "kv_connector": "InterceptConnector",
        "kv_connector_module_path": "intercept_core.swap.connector",
        "kv_role": "kv_producer",
        "kv_connector_extra_config": {"host_memory_gib": host_gib},
    }
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(_MODEL))
        config = EngineArgs(
            model=folder,
            dtype="float32",
            max_model_len=MAX_MODEL_LEN,
            max_num_seqs=MAX_SEQS,
            max_num_batched_tokens=BATCHED_TOKENS,
            block_size=BLOCK_TOKENS,
            enable_prefix_caching=prefix_caching,
            skip_tokenizer_init=True,
            kv_transfer_config=transfer if swaps else None,  # type: ignore[arg-type]
            additional_config={"intercept": {"policy": policy}} if policy else {},
        ).create_engine_config()
    config.scheduler_config.async_scheduling = False
    config.cache_config.num_gpu_blocks = blocks
    return config


def _spec() -> FullAttentionSpec:
    return FullAttentionSpec(
        block_size=BLOCK_TOKENS, num_kv_heads=1, head_size=1, dtype=torch.float32
    )


def _page_bytes() -> int:
    return int(_spec().page_size_bytes)


def _cache_config(blocks: int) -> KVCacheConfig:
    page = _page_bytes()
    return KVCacheConfig(
        num_blocks=blocks,
        kv_cache_tensors=[
            KVCacheTensor(
                size=blocks * page, layers=["l"], layer_stride=page * blocks, block_stride=page
            )
        ],
        kv_cache_groups=[KVCacheGroupSpec(["l"], _spec())],
    )
