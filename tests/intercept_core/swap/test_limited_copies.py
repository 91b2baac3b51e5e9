from collections.abc import Iterator

import pytest

from intercept_core.swap.block_copy import BlockCopy
from intercept_core.swap.copy_backend import CopyBackend, DoneCopy
from intercept_core.swap.limited_copies import LimitedCopies

BLOCK_S = 0.5


class FakeInstantCopies(CopyBackend):
    """Copies at once, and says that each took ``seconds``."""

    def __init__(self) -> None:
        self.seconds = 1e-3
        self.closed = False
        self._started: list[BlockCopy] = []

    def start(self, copies: list[BlockCopy]) -> None:
        self._started += copies

    def poll(self) -> list[DoneCopy]:
        started, self._started = self._started, []
        return [DoneCopy(copy.copy_id, self.seconds) for copy in started]

    def wait(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class FakeClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def inner() -> FakeInstantCopies:
    return FakeInstantCopies()


@pytest.fixture
def copies(inner: FakeInstantCopies, clock: FakeClock) -> Iterator[LimitedCopies]:
    yield LimitedCopies(inner, BLOCK_S, clock, clock.sleep)


def a_copy(copy_id: int, blocks: int, *, to_host: bool = True) -> BlockCopy:
    ids = tuple(range(blocks))
    return BlockCopy(copy_id=copy_id, to_host=to_host, device_blocks=ids, host_blocks=ids)


def test_a_copy_is_reported_when_the_bandwidth_allows_it(
    copies: LimitedCopies, clock: FakeClock
) -> None:
    copies.start([a_copy(1, blocks=4)])
    clock.sleep(1.99)
    assert copies.poll() == []
    clock.sleep(0.01)
    assert copies.poll() == [DoneCopy(1, 4 * BLOCK_S)]
    assert copies.poll() == []


def test_a_copy_takes_its_own_blocks_and_not_the_wait_for_its_turn(
    copies: LimitedCopies, clock: FakeClock
) -> None:
    copies.start([a_copy(1, blocks=2), a_copy(2, blocks=3)])
    clock.sleep(1.0)
    assert copies.poll() == [DoneCopy(1, 2 * BLOCK_S)]
    clock.sleep(1.4)
    assert copies.poll() == []
    clock.sleep(0.1)
    assert copies.poll() == [DoneCopy(2, 3 * BLOCK_S)]


def test_the_two_ways_do_not_wait_for_each_other(
    copies: LimitedCopies, clock: FakeClock
) -> None:
    copies.start([a_copy(1, blocks=2), a_copy(2, blocks=2, to_host=False)])
    clock.sleep(1.0)
    assert {done.copy_id for done in copies.poll()} == {1, 2}


def test_a_backend_below_the_bandwidth_tells_its_own_time(
    copies: LimitedCopies, inner: FakeInstantCopies, clock: FakeClock
) -> None:
    inner.seconds = 7.0
    copies.start([a_copy(1, blocks=2)])
    clock.sleep(7.0)
    assert copies.poll() == [DoneCopy(1, 7.0)]


def test_waiting_lasts_until_everything_is_due(
    copies: LimitedCopies, inner: FakeInstantCopies, clock: FakeClock
) -> None:
    copies.wait()
    assert clock.now_s == 100.0
    copies.start([a_copy(1, blocks=2), a_copy(2, blocks=4, to_host=False)])
    copies.wait()
    assert clock.now_s == pytest.approx(102.0)
    assert {done.copy_id for done in copies.poll()} == {1, 2}
    copies.close()
    assert inner.closed
