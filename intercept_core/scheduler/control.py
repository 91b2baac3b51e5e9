"""Operations on the scheduler from outside the engine process."""

from typing import Any

from intercept_core.scheduler.mixin import InterceptMixin
from intercept_core.scheduler.parked import Parked

METHOD = "intercept_control"
"""Name for ``AsyncMPClient.call_utility_async``."""


def handle(scheduler: Any, operation: str, payload: Any) -> Any:
    """Runs one operation in the engine's process, between two iterations.

    Operations:
        ``etas``: ``payload`` is a list of ``[session key, eta_s or None, kind or None,
        typical_s or None, characters of the arguments or None]``, seconds from now and of a
        whole call; answers how many of them were parked.
        ``snapshot``: answers a dict of counts (see :func:`snapshot`).

    Raises:
        ValueError: for another operation, or an engine without our scheduler.
    """
    if not isinstance(scheduler, InterceptMixin):
        raise ValueError(
            f"the engine runs {type(scheduler).__name__}: set scheduler_cls to "
            "intercept_core.scheduler.InterceptScheduler"
        )
    if operation == "etas":
        return _report_etas(scheduler, payload)
    if operation == "snapshot":
        return snapshot(scheduler)
    raise ValueError(f"operation {operation!r} is not one of etas, snapshot")


def _report_etas(scheduler: InterceptMixin, etas: list[Any]) -> int:
    now_s = scheduler.clock()
    return sum(
        scheduler.parked.report(
            key,
            eta_s=None if eta_s is None else now_s + eta_s,
            kind=kind,
            declared_s=typical_s,
            argument_chars=argument_chars,
        )
        for key, eta_s, kind, typical_s, argument_chars in etas
    )


def snapshot(scheduler: InterceptMixin) -> dict[str, Any]:
    """Counts at this moment: requests by state, KV blocks, telemetry; and the costs as they
    have been learned, with the median relative error of the latest predictions."""
    now_s = scheduler.clock()
    running, waiting = scheduler.get_request_counts()
    pool = scheduler.kv_cache_manager.block_pool
    return {
        "running": running,
        "waiting": waiting,
        "parked": {
            parked.key: {
                "disposition": parked.disposition.value,
                "context_tokens": parked.context_tokens,
                "lost_tokens": _lost_tokens(scheduler, parked),
                "kind": parked.kind,
                "parked_s": now_s - parked.since_s,
                "eta_s": None if parked.eta_s is None else parked.eta_s - now_s,
            }
            for parked in scheduler.parked
        },
        "requests": len(scheduler.requests),
        "free_blocks": pool.get_num_free_blocks(),
        "total_blocks": pool.num_gpu_blocks,
        "steps": scheduler.current_step,
        "block_bytes": scheduler.stats_reporter.block_bytes,
        "totals": scheduler.stats_reporter.totals(),
        "levels": scheduler.stats_reporter.levels(),
        "telemetry": scheduler.telemetry.as_dict(),
        "costs": {
            **scheduler.intercept_cost.to_dict(),
            "relative_error": scheduler.intercept_cost.relative_error,
        },
    }


def _lost_tokens(scheduler: InterceptMixin, parked: Parked) -> int:
    if parked.device_blocks and not scheduler.device.divisible:
        return 0  # all or nothing; fewer blocks than tokens are those of a window
    return parked.lost_tokens(scheduler.block_size)
