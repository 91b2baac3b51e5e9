"""Looks at a server again and again while somebody else loads it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

from loadtest.soak.levels import Levels
from loadtest.soak.memory import memory_of
from loadtest.soak.record import Sample

LOOK_AGAIN_S = 0.5


class Sampler:
    """Takes samples of one server.

    Args:
        server: Its first process.
        levels: Asks it for its levels.
        clock: Seconds, monotonic.
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
        self._start_s = clock()

    def start(self) -> None:
        """Times are counted from now on."""
        self._start_s = self._clock()

    def look(self) -> Sample:
        """One sample."""
        at_s = self._clock() - self._start_s
        return Sample(at_s, memory_of(self._server), self._levels())

    @contextmanager
    def every(self, interval_s: float) -> Iterator[list[Sample]]:
        """Fills a list with samples, from now until the context is left.

        Raises:
            Exception: on leaving, what went wrong with a sample.
        """
        samples: list[Sample] = []
        errors: list[Exception] = []
        left = threading.Event()

        def sample() -> None:
            try:
                while not left.wait(interval_s):
                    samples.append(self.look())
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            yield samples
        finally:
            left.set()
            thread.join()
        if errors:
            raise errors[0]

    def rests_within(self, seconds: float) -> bool:
        """Waits until nothing runs, waits, is parked or held; False if that does not come."""
        deadline_s = self._clock() + seconds
        while not self._levels().at_rest:
            if self._clock() > deadline_s:
                return False
            time.sleep(LOOK_AGAIN_S)
        return True
