"""The thread copies blocks between the right rows, in order, and tells of its failures."""

import threading
from collections.abc import Iterator
from typing import cast

import pytest
import torch

from intercept_core.swap.block_copy import BlockCopy
from intercept_core.swap.thread_copies import ThreadCopies


def copy(copy_id: int, to_host: bool, device: list[int], host: list[int]) -> BlockCopy:
    return BlockCopy(
        copy_id=copy_id,
        to_host=to_host,
        device_blocks=tuple(device),
        host_blocks=tuple(host),
    )


@pytest.fixture
def memory() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Two regions with rows of different sizes, each row with a content of its own."""
    device = [torch.arange(6 * size, dtype=torch.int8).view(6, size) for size in (4, 8)]
    host = [torch.full((3, size), -1, dtype=torch.int8) for size in (4, 8)]
    return device, host


@pytest.fixture
def copies(
    memory: tuple[list[torch.Tensor], list[torch.Tensor]],
) -> Iterator[ThreadCopies]:
    made = ThreadCopies(*memory)
    yield made
    made.close()
    assert not made._thread.is_alive()


def test_there_and_back(
    memory: tuple[list[torch.Tensor], list[torch.Tensor]], copies: ThreadCopies
) -> None:
    device, host = memory
    before = [region.clone() for region in device]
    copies.start([copy(1, True, [5, 0], [0, 2])])
    copies.wait()
    for region, rows in zip(before, host, strict=True):
        assert rows[0].equal(region[5])
        assert rows[1].eq(-1).all()
        assert rows[2].equal(region[0])
    copies.start([copy(2, False, [1, 3], [0, 2])])
    copies.wait()
    for region, rows in zip(before, device, strict=True):
        assert rows[[1, 3]].equal(region[[5, 0]])
        assert rows[[0, 2, 4, 5]].equal(region[[0, 2, 4, 5]])
    done = copies.poll()
    assert [entry.copy_id for entry in done] == [1, 2]
    assert all(entry.seconds >= 0 for entry in done)
    assert copies.poll() == []


def test_copies_are_made_in_order(
    memory: tuple[list[torch.Tensor], list[torch.Tensor]], copies: ThreadCopies
) -> None:
    device, _ = memory
    last = device[0][5].clone()
    copies.start([copy(i, True, [i], [1]) for i in range(6)] + [copy(6, False, [0], [1])])
    copies.wait()
    assert device[0][0].equal(last)


def test_waiting_for_nothing_ends_at_once(copies: ThreadCopies) -> None:
    copies.start([])
    copies.wait()
    assert copies.poll() == []


def test_a_failure_reaches_the_engine(copies: ThreadCopies) -> None:
    copies.start([copy(1, True, [99], [0])])
    message = r"a copy of KV blocks failed: IndexError: .*99"
    with pytest.raises(RuntimeError, match=message):
        copies.wait()
    for _ in range(2):
        with pytest.raises(RuntimeError, match=message):
            copies.poll()


class FakeSlowRegion:
    """Gives its rows when it is told to."""

    def __init__(self, rows: torch.Tensor) -> None:
        self._rows = rows
        self.ready = threading.Event()

    def __getitem__(self, block: int) -> torch.Tensor:
        assert self.ready.wait(timeout=10)
        return self._rows[block]


def test_waiting_has_an_end() -> None:
    rows = torch.zeros(2, 4, dtype=torch.int8)
    slow = FakeSlowRegion(rows)
    copies = ThreadCopies([cast(torch.Tensor, slow)], [rows.clone()], wait_s=0.0)
    copies.start([copy(1, True, [0], [0]), copy(2, True, [1], [1])])
    with pytest.raises(RuntimeError, match=r"^2 copies of KV blocks have not ended within 0 s"):
        copies.wait()
    assert copies.poll() == []
    slow.ready.set()
    copies.close()
    assert [done.copy_id for done in copies.poll()] == [1, 2]
