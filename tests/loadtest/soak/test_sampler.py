import threading

import psutil
import pytest

from loadtest.soak.levels import Levels, SilentEngineError
from loadtest.soak.sampler import Sampler

BUSY, RESTING = Levels(1, 0, 0), Levels(0, 0, 0)
SILENT = SilentEngineError("1 of the engines did not say what they hold")
DEADLINE_S = 30.0


class Server:
    """Tells levels, one after the other.

    Args:
        levels: What it tells or raises; after them it does not answer.

    Attributes:
        told: Set when there is nothing more to tell.
    """

    def __init__(self, *levels):
        self._levels = list(levels)
        self.told = threading.Event()

    def __call__(self):
        if not self._levels:
            self.told.set()
            raise ConnectionError("nobody answers")
        levels = self._levels.pop(0)
        if isinstance(levels, Exception):
            raise levels
        return levels


def test_samples_are_taken_until_the_context_is_left():
    third = threading.Event()
    times = iter(range(100))

    def levels():
        if next(times) == 2:
            third.set()
        return BUSY

    sampler = Sampler(psutil.Process(), levels)
    sampler.start()
    with sampler.every(0.01) as samples:
        assert third.wait(DEADLINE_S)
    count = len(samples)
    assert count >= 3
    assert all(one.levels == BUSY and one.memory for one in samples)
    assert 0 < samples[0].at_s < samples[1].at_s < samples[2].at_s < DEADLINE_S
    assert len(samples) == count


def test_what_goes_wrong_is_told_on_leaving():
    server = Server(BUSY, BUSY)
    with (
        pytest.raises(ConnectionError, match="nobody answers"),
        Sampler(psutil.Process(), server).every(0.001) as samples,
    ):
        assert server.told.wait(DEADLINE_S)
    assert len(samples) == 2


class ForeverAfter(Server):
    """Tells levels, and the last of them again and again."""

    def __call__(self):
        if len(self._levels) == 1:
            self.told.set()
            self._levels *= 2
        return super().__call__()


def test_a_silent_engine_costs_one_sample_and_not_the_soak():
    server = ForeverAfter(BUSY, SILENT, SILENT, BUSY, RESTING)
    sampler = Sampler(psutil.Process(), server)
    with sampler.every(0.001) as samples:
        assert server.told.wait(DEADLINE_S)
    assert [one.levels for one in samples[:3]] == [BUSY, BUSY, RESTING]
    assert sampler.skipped == 2


def test_an_engine_that_is_silent_all_the_time_is_told_of():
    server = ForeverAfter(BUSY, SILENT)
    with (
        pytest.raises(SilentEngineError, match="1 of the engines"),
        Sampler(psutil.Process(), server).every(0.001),
    ):
        assert server.told.wait(DEADLINE_S)


def test_it_waits_until_everything_rests():
    assert Sampler(psutil.Process(), Server(BUSY, RESTING)).rests_within(DEADLINE_S)
    assert not Sampler(psutil.Process(), Server(BUSY)).rests_within(-1.0)


def test_a_silent_engine_does_not_rest_and_makes_no_sample_of_rest():
    assert Sampler(psutil.Process(), Server(SILENT, RESTING)).rests_within(DEADLINE_S)
    assert not Sampler(psutil.Process(), Server(SILENT)).rests_within(-1.0)
    with pytest.raises(SilentEngineError):
        Sampler(psutil.Process(), Server(SILENT)).look()
