"""The scheduler's reports as metrics."""

from collections.abc import Mapping
from typing import Any, ClassVar

from vllm.config import VllmConfig
from vllm.v1.metrics.loggers import AggregateStatLoggerBase
from vllm.v1.metrics.stats import IterationStats, MultiModalCacheStats, SchedulerStats

from intercept_core.bus.observer import UNKNOWN
from intercept_core.engine.engine_load import Levels
from intercept_core.metrics import catalogue
from intercept_core.metrics.metric import MetricRegistry
from intercept_core.metrics.prometheus import PrometheusRegistry
from intercept_core.scheduler.stats_report import take_report


class InterceptMetrics(AggregateStatLoggerBase):
    """A stat logger of vLLM's, asked before any other: it takes our part of the numbers.

    Args:
        vllm_config: The engine's configuration.
        engine_indexes: The engines whose numbers come here.

    Attributes:
        registry: Who exports. vLLM wants a class and makes the logger itself, so this is what
            a subclass sets to export elsewhere.
        levels: Those of the last report.
    """

    registry: ClassVar[MetricRegistry] = PrometheusRegistry()

    def __init__(self, vllm_config: VllmConfig, engine_indexes: list[int]) -> None:
        add = self.registry.add
        self._model = vllm_config.model_config.served_model_name
        self.levels: Levels = {}
        self._last: dict[tuple[int, str, str], float] = {}
        self._shown: dict[tuple[int, str], set[str]] = {}
        self._totals = {name: add(metric) for name, metric in catalogue.TOTALS.items()}
        self._levels = {name: add(metric) for name, metric in catalogue.LEVELS.items()}
        self._interceptions = add(catalogue.INTERCEPTIONS)
        self._true_s = add(catalogue.INTERCEPTION_S)
        self._predicted_s = add(catalogue.PREDICTED_S)
        self._error_s = add(catalogue.PREDICTION_ERROR_S)
        self._resume_s = add(catalogue.RESULT_TO_RESUME_S)
        self._first_token_s = add(catalogue.RESUME_TO_FIRST_TOKEN_S)
        self._recomputed = add(catalogue.RECOMPUTED_TOKENS)

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
        for name, totals in report["totals"].items():
            self._grow(engine_idx, name, totals)
        self.levels = report["levels"]
        for name, levels in self.levels.items():
            self._show(engine_idx, name, levels)
        for interception in report["interceptions"]:
            self._observe(engine_idx, interception)

    def log_engine_initialized(self) -> None:
        """Nothing to say."""

    def _grow(self, engine: int, name: str, totals: Mapping[str, float]) -> None:
        for label, total in totals.items():
            key = (engine, name, label)
            last = self._last.get(key)
            if last is None or total > last:
                self._totals[name](total - (last or 0), *self._labels(engine, label))
                self._last[key] = total

    def _show(self, engine: int, name: str, levels: Mapping[str, float]) -> None:
        show = self._levels[name]
        if name == catalogue.PARKED:
            levels = {kind or UNKNOWN: number for kind, number in levels.items()}
        shown = self._shown.setdefault((engine, name), set())
        for gone in shown - levels.keys():
            show(0, *self._labels(engine, gone))
        for label, level in levels.items():
            show(level, *self._labels(engine, label))
        shown.update(levels)

    def _observe(self, engine: int, interception: Mapping[str, Any]) -> None:
        kind = self._labels(engine, interception["kind"] or UNKNOWN)
        context = interception["context"]
        true_s, predicted_s = interception["parked_s"], interception["predicted_s"]
        self._interceptions(1, *kind, context)
        self._true_s(true_s, *kind)
        if predicted_s is not None:
            self._predicted_s(predicted_s, *kind)
            self._error_s(abs(predicted_s - true_s), *kind)
        self._resume_s(interception["resume_s"], *kind)
        self._first_token_s(interception["first_token_s"], *self._labels(engine, context))
        self._recomputed(interception["recomputed_tokens"], *kind)

    def _labels(self, engine: int, label: str) -> tuple[str, ...]:
        own = (self._model, str(engine))
        return (*own, label) if label else own
