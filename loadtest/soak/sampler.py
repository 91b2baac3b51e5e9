"""Looks at a server again and again while somebody else loads it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from loadtest.soak.levels import Levels, SilentEngineError
from loadtest.soak.memory import memory_of
from loadtest.soak.record import Sample

LOOK_AGAIN_S = 0.5
LEAST_SAMPLES = 2
"""Fewer make no line."""


class Sampler:
    """Takes samples of one server.

    Args:
        server: Its first process.
        levels: Asks it for its levels.
        clock: Seconds, monotonic.

    Attributes:
        skipped: Samples that are missing because an engine was silent.
    """

    def __init__(
        self,
        server: psutil.Process,
        levels: Callable[[], Levels],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._levels = levels
        self._clock = clock
        self.skipped = 0
        self._start_s = clock()

    def start(self) -> None:
        """Times are counted from now on."""
        self._start_s = self._clock()

    def look(self) -> Sample:
        """One sample.

        Raises:
            SilentEngineError: if an engine does not say what it holds.
        """
        at_s = self._clock() - self._start_s
        return Sample(at_s, memory_of(self._server), self._levels())

    @contextmanager
    def every(self, interval_s: float) -> Iterator[list[Sample]]:
        """Fills a list with samples, from now until the context is left.

        An engine may be too busy to tell what it holds: that sample is skipped.

        Raises:
            Exception: on leaving, what went wrong with a sample, or the last silence if it
                left fewer than ``LEAST_SAMPLES``.
        """
        samples: list[Sample] = []
        errors: list[Exception] = []
        silences: list[SilentEngineError] = []
        left = threading.Event()

        def sample() -> None:
            while not left.wait(interval_s):
                try:
                    samples.append(self.look())
                except SilentEngineError as silence:
                    silences.append(silence)
                except Exception as error:
                    errors.append(error)
                    return

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield samples
        finally:
            left.set()
            thread.join()
            self.skipped += len(silences)
        if errors:
            raise errors[0]
        if silences and len(samples) < LEAST_SAMPLES:
            raise silences[-1]

    def rests_within(self, seconds: float) -> bool:
        """Waits until nothing runs, waits, is parked or held; False if that does not come."""
        deadline_s = self._clock() + seconds
        while not self._rests():
            if self._clock() > deadline_s:
                return False
            time.sleep(LOOK_AGAIN_S)
        return True

    def _rests(self) -> bool:
        try:
            return self._levels().at_rest
        except SilentEngineError:  # whoever is silent is busy still
            return False
