"""Lines that tell a person at a terminal what takes so long."""

import time
from collections.abc import Callable


class Progress:
    """Prints steps with the seconds since the start.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started_at_s = clock()

    def step(self, text: str) -> None:
        """Says what happens now."""
        elapsed_s = self._clock() - self._started_at_s
        print(f"[{elapsed_s:6.1f} s] {text}", flush=True)
