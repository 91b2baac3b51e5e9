"""The scheduler's reports as Prometheus metrics."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from vllm.config import VllmConfig
from vllm.v1.metrics.loggers import AggregateStatLoggerBase
from vllm.v1.metrics.stats import IterationStats, MultiModalCacheStats, SchedulerStats

from intercept_core.engine.engine_load import Levels
from intercept_core.scheduler.stats_report import take_report

PREFIX = "infercept_"

TOTALS = {
    "parks": ("Interceptions.", None),
    "resumes": ("Resumed requests, by what had become of their contexts.", "context"),
    "decisions": ("Changes of mind of the policy, by what it decided.", "disposition"),
    "waste_byte_seconds": ("Device memory that served nobody, by cause.", "cause"),
    "recomputed_tokens": ("Context tokens that were computed again.", None),
    "swapped_blocks": ("KV blocks copied to the host (out) and back (in).", "direction"),
    "copy_budget_blocks": ("KV blocks that iterations could hide copies of, and did.", "share"),
    "contexts_reclaimed": ("Takings from waiting contexts by memory pressure.", None),
    "blocks_over_limit": ("KV blocks taken from parked contexts beyond their share.", None),
    "overdue": ("Parked requests that ended at the scheduler's deadline.", None),
    "policy_seconds": ("Time spent in the policy.", None),
}
"""Name to meaning and label; in the registry each has ``infercept_`` before and ``_total``
after it."""

LEVELS = {
    "parked_requests": ("Requests that wait for an augmentation.", None),
    "device_blocks": ("KV blocks of the device, by state.", "state"),
    "host_blocks": ("KV blocks of the host pool, by state.", "state"),
}

SECONDS = (0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
TOKENS = (0, 16, 64, 256, 1024, 4096, 16384, 65536)


class InterceptMetrics(AggregateStatLoggerBase):
    """A stat logger of vLLM's, asked before any other: it takes our part of the numbers.

    Args:
        vllm_config: The engine's configuration.
        engine_indexes: The engines whose numbers come here.

    Attributes:
        levels: Those of the last report.
    """

    def __init__(self, vllm_config: VllmConfig, engine_indexes: list[int]) -> None:
        _forget_earlier()
        self._model = vllm_config.model_config.served_model_name
        self.levels: Levels = {}
        self._last: dict[tuple[int, str, str], float] = {}
        labels = ["model_name", "engine"]
        self._totals = {
            name: Counter(PREFIX + name, text, [*labels, *([label] if label else [])])
            for name, (text, label) in TOTALS.items()
        }
        self._levels = {
            name: Gauge(
                PREFIX + name,
                text,
                [*labels, *([label] if label else [])],
                multiprocess_mode="mostrecent",
            )
            for name, (text, label) in LEVELS.items()
        }

        def histogram(name: str, text: str, label: str, buckets: tuple[float, ...]) -> Any:
            return Histogram(PREFIX + name, text, [*labels, label], buckets=buckets)

        self._durations = histogram(
            "interception_seconds", "Time from call to result.", "kind", SECONDS
        )
        self._errors = histogram(
            "prediction_error_seconds",
            "Distance of the duration that was predicted from the true one.",
            "kind",
            SECONDS,
        )
        self._first_tokens = histogram(
            "resume_to_first_token_seconds",
            "Time from a result to the next new token.",
            "context",
            SECONDS,
        )
        self._recomputed = histogram(
            "interception_recomputed_tokens",
            "Context tokens computed again after an interception.",
            "kind",
            TOKENS,
        )

    def record(
        self,
        scheduler_stats: SchedulerStats | None,
        iteration_stats: IterationStats | None,
        mm_cache_stats: MultiModalCacheStats | None = None,
        engine_idx: int = 0,
    ) -> None:
        """Takes in what an iteration reported."""
        if scheduler_stats is None or (report := take_report(scheduler_stats)) is None:
            return
        for name, values in report["totals"].items():
            for label, total in values.items():
                key = (engine_idx, name, label)
                child = self._child(self._totals[name], engine_idx, label)
                child.inc(max(total - self._last.get(key, 0), 0))
                self._last[key] = total
        self.levels = report["levels"]
        for name, values in self.levels.items():
            for label, value in values.items():
                self._child(self._levels[name], engine_idx, label).set(value)
        for interception in report["interceptions"]:
            self._observe(interception, engine_idx)

    def log_engine_initialized(self) -> None:
        """Nothing to say."""

    def _observe(self, interception: Mapping[str, Any], engine: int) -> None:
        kind = interception["kind"] or "unknown"
        true_s, predicted_s = interception["parked_s"], interception["predicted_s"]
        self._child(self._durations, engine, kind).observe(true_s)
        if predicted_s is not None:
            self._child(self._errors, engine, kind).observe(abs(predicted_s - true_s))
        first_token_s = interception["first_token_s"]
        context = interception["context"]
        self._child(self._first_tokens, engine, context).observe(first_token_s)
        recomputed = interception["recomputed_tokens"]
        self._child(self._recomputed, engine, kind).observe(recomputed)

    def _child(self, metric: Any, engine: int, label: str) -> Any:
        labels = (self._model, str(engine), *([label] if label else []))
        return metric.labels(*labels)


def _forget_earlier() -> None:
    # As vLLM does with its own: a process may make one engine after the other.
    for collector in list(REGISTRY._collector_to_names):
        if getattr(collector, "_name", "").startswith(PREFIX):
            REGISTRY.unregister(collector)
