"""What a bus does, as metrics."""

from collections.abc import Iterable

from intercept_core.bus.messages import FAILURE_CODES
from intercept_core.bus.observer import ABANDONED, SUCCEEDED
from intercept_core.metrics import catalogue
from intercept_core.metrics.metric import MetricRegistry


class BusMetrics:
    """Counts calls by kind; a :class:`~intercept_core.bus.observer.BusObserver`.

    Args:
        registry: Who exports.
        model_name: The model whose calls they are.
        kinds: The augmentations that can be called.
    """

    def __init__(
        self, registry: MetricRegistry, model_name: str, kinds: Iterable[str] = ()
    ) -> None:
        self._model = model_name
        self._calls = registry.add(catalogue.CALLS)
        self._retries = registry.add(catalogue.CALL_RETRIES)
        self._trigger_to_work_s = registry.add(catalogue.TRIGGER_TO_WORK_S)
        for kind in kinds:
            self._retries(0, model_name, kind)
            for outcome in (SUCCEEDED, ABANDONED, *FAILURE_CODES):
                self._calls(0, model_name, kind, outcome)

    def began(self, kind: str, seconds: float) -> None:
        """See ``BusObserver``."""
        self._trigger_to_work_s(seconds, self._model, kind)

    def retried(self, kind: str) -> None:
        """See ``BusObserver``."""
        self._retries(1, self._model, kind)

    def ended(self, kind: str, outcome: str) -> None:
        """See ``BusObserver``."""
        self._calls(1, self._model, kind, outcome)
