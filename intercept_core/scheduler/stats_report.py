"""What the scheduler tells the stat loggers, beside vLLM's own numbers."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from vllm.v1.engine import EngineCoreOutputs
from vllm.v1.metrics.stats import SchedulerStats

from intercept_core.swap.host_pool import bytes_per_block

if TYPE_CHECKING:
    from intercept_core.scheduler.mixin import InterceptMixin

KEY = "infercept"
"""Name of the report in ``SchedulerStats.kv_connector_stats``."""

INTERVAL_S = 0.25
"""Least seconds between two reports; an engine that comes to rest reports once more."""

Report = dict[str, Any]
"""``totals`` and ``levels``: metric to label to value; ``interceptions``: those of late."""


def take_report(stats: SchedulerStats) -> Report | None:
    """Takes the report out of ``stats``, so that it is vLLM's again; None without one."""
    carried = stats.kv_connector_stats
    if not carried or KEY not in carried:
        return None
    report: Report = carried.pop(KEY)
    stats.kv_connector_stats = carried or None
    return report


class StatsReporter:
    """Puts reports on the engine's outputs, some a second whatever the batch does.

    Attributes:
        block_bytes: Bytes of one block, over all workers.
    """

    def __init__(self, scheduler: "InterceptMixin", *, enabled: bool) -> None:
        self._scheduler = scheduler
        self._enabled = enabled
        self._next_s = float("-inf")
        config = scheduler.vllm_config
        self.block_bytes = (
            bytes_per_block(scheduler.kv_cache_config) * config.parallel_config.world_size
        )

    def attach(self, outputs: dict[int, EngineCoreOutputs]) -> None:
        """Adds a report where vLLM has put its own numbers, if one is due."""
        if not self._enabled:
            return
        scheduler = self._scheduler
        now_s = scheduler.clock()
        copying = scheduler.swapper is not None and scheduler.swapper.busy()
        if now_s < self._next_s and (scheduler.running or copying):
            return
        for batch in outputs.values():
            if (stats := batch.scheduler_stats) is not None:
                self._next_s = now_s + INTERVAL_S
                # The one free-form field of these numbers; nothing of vLLM may see our part.
                stats.kv_connector_stats = {
                    **(stats.kv_connector_stats or {}),
                    KEY: self.report(),
                }
                return

    def report(self) -> Report:
        """The numbers of this moment."""
        return {
            "totals": self.totals(),
            "levels": self.levels(),
            "interceptions": self._scheduler.interceptions.take(),
        }

    def totals(self) -> dict[str, dict[str, float]]:
        """What has been counted since the start."""
        telemetry = self._scheduler.telemetry
        iterations = self._scheduler.iterations
        self._scheduler.device.settle()
        waste_block_s = {
            "preserved": telemetry.parked_block_s,
            "recompute": iterations.recompute_token_s / self._scheduler.block_size,
            "swap": telemetry.returning_block_s + telemetry.stall_block_s,
        }
        return {
            "parks": {"": telemetry.parked},
            "decisions": {
                "preserve": telemetry.kept,
                "mirror": telemetry.mirrored,
                "swap": telemetry.swapped,
                "discard": telemetry.discarded,
            },
            "waste_byte_seconds": {
                cause: block_s * self.block_bytes for cause, block_s in waste_block_s.items()
            },
            "recomputed_tokens": {"": telemetry.recomputed_tokens},
            "swapped_blocks": {
                "out": telemetry.blocks_swapped_out,
                "in": telemetry.blocks_swapped_in,
            },
            "copy_budget_blocks": {
                "offered": telemetry.budget_blocks,
                "used": telemetry.budget_blocks_used,
            },
            "contexts_reclaimed": {"": telemetry.reclaimed},
            "blocks_over_limit": {"": telemetry.blocks_over_limit},
            "overdue": {"": telemetry.overdue},
            "policy_seconds": {"": telemetry.policy_s},
        }

    def levels(self) -> dict[str, dict[str, float]]:
        """What there is at this moment."""
        error = self._scheduler.intercept_cost.relative_error
        return {
            "parked_requests": dict(Counter(one.kind or "" for one in self._scheduler.parked)),
            "device_blocks": self._device_blocks(),
            "host_blocks": self._host_blocks(),
            "iteration_prediction_error_ratio": {} if error is None else {"": error},
        }

    def _host_blocks(self) -> dict[str, float]:
        if (swapper := self._scheduler.swapper) is None:
            return dict.fromkeys(("swapped", "swapping", "free"), 0)
        moving = swapper.blocks_in_flight
        return {
            "swapped": max(swapper.pool.size - swapper.pool.free - moving, 0),
            "swapping": moving,
            "free": swapper.pool.free,
        }

    def _device_blocks(self) -> dict[str, float]:
        scheduler = self._scheduler
        pool = scheduler.kv_cache_manager.block_pool
        free = pool.get_num_free_blocks()
        used = pool.num_gpu_blocks - 1 - free
        leaving = arriving = 0
        if (swapper := scheduler.swapper) is not None:
            leaving = min(swapper.blocks_to_host, len(scheduler.device.parked))
            arriving = sum(map(scheduler.device.occupied, swapper.returning))
        preserved = len(scheduler.device.parked) - leaving
        cached = 0
        if scheduler.kv_cache_manager.enable_caching:
            # All blocks in use have a hash but the last of each context: counting those that
            # are free and have one would be a walk through all of them.
            open_blocks = len(scheduler.running) + len(scheduler.parked)
            hashed = len(pool.cached_block_hash_to_block)
            cached = min(max(hashed - max(used - open_blocks, 0), 0), free)
        return {
            "running": max(used - preserved - leaving - arriving, 0),
            "preserved": preserved,
            "swapping": leaving + arriving,
            "cached": cached,
            "free": free - cached,
        }
