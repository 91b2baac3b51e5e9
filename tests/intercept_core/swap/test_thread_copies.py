"""The thread copies blocks between the right rows, in order, and tells of its failures."""

import threading
from collections.abc import Iterator
from typing import cast

import pytest
import torch
from copied_memory import Memory, a_copy, check_there_and_back, make_memory

from intercept_core.swap.thread_copies import ThreadCopies


@pytest.fixture
def memory() -> Memory:
    return make_memory()


@pytest.fixture
def copies(memory: Memory) -> Iterator[ThreadCopies]:
    made = ThreadCopies(*memory)
    yield made
    made.close()
    assert not made._thread.is_alive()


def test_there_and_back(memory: Memory, copies: ThreadCopies) -> None:
    check_there_and_back(memory, copies)


def test_copies_are_made_in_order(memory: Memory, copies: ThreadCopies) -> None:
    device, _ = memory
    last = device[0][5].clone()
    copies.start([a_copy(i, True, [i], [1]) for i in range(6)] + [a_copy(6, False, [0], [1])])
    copies.wait()
    assert device[0][0].equal(last)


def test_waiting_for_nothing_ends_at_once(copies: ThreadCopies) -> None:
    copies.start([])
    copies.wait()
    assert copies.poll() == []


def test_a_failure_reaches_the_engine(copies: ThreadCopies) -> None:
    copies.start([a_copy(1, True, [99], [0])])
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
    copies.start([a_copy(1, True, [0], [0]), a_copy(2, True, [1], [1])])
    with pytest.raises(RuntimeError, match=r"^2 copies of KV blocks have not ended within 0 s"):
        copies.wait()
    assert copies.poll() == []
    slow.ready.set()
    copies.close()
    assert [done.copy_id for done in copies.poll()] == [1, 2]
