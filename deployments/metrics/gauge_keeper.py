"""Gauges that stay although nobody sets them."""

import threading
from typing import Any, Protocol

REFRESH_S = 1.0
"""Ray sends every ten seconds, or every second at most, and what was set since then alone."""


class Gauge(Protocol):
    """As much of Ray's gauges as is needed here."""

    def set(self, value: float, tags: dict[str, str]) -> Any:
        """Sets the series with these tags."""


class GaugeKeeper:
    """Sets gauges, and sets them to the same again and again.

    Ray takes a gauge that was not set for two of its intervals for one of a dead worker, and
    drops it: an engine at rest would have no free blocks and no waiting requests, but no data.

    Args:
        refresh_s: Seconds from one time to the next.
    """

    def __init__(self, refresh_s: float = REFRESH_S) -> None:
        self._refresh_s = refresh_s
        self._values: dict[Any, tuple[Gauge, float, dict[str, str]]] = {}
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def set(self, gauge: Gauge, value: float, tags: dict[str, str]) -> None:
        """Sets one series, from now on.

        Args:
            gauge: Whose series.
            value: To what.
            tags: Which series.
        """
        gauge.set(value, tags=tags)
        self._values[gauge, frozenset(tags.items())] = (gauge, value, tags)
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._refresh, name="gauge-keeper", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Ends what it does in the background."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _refresh(self) -> None:
        # An old value may come behind a new one that is set right now: for one time.
        while not self._closed.wait(self._refresh_s):
            for gauge, value, tags in list(self._values.values()):
                gauge.set(value, tags=tags)


KEEPER = GaugeKeeper()
"""That of this process, which ends with it."""
