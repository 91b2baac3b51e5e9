"""Memory to copy, and what every backend must do with it."""

import torch

from intercept_core.swap.block_copy import BlockCopy
from intercept_core.swap.copy_backend import CopyBackend

Memory = tuple[list[torch.Tensor], list[torch.Tensor]]


def a_copy(copy_id: int, to_host: bool, device: list[int], host: list[int]) -> BlockCopy:
    return BlockCopy(
        copy_id=copy_id,
        to_host=to_host,
        device_blocks=tuple(device),
        host_blocks=tuple(host),
    )


def make_memory() -> Memory:
    """Two regions with rows of different sizes, each row with a content of its own."""
    device = [torch.arange(6 * size, dtype=torch.int8).view(6, size) for size in (4, 8)]
    host = [torch.full((3, size), -1, dtype=torch.int8) for size in (4, 8)]
    return device, host


def check_there_and_back(memory: Memory, copies: CopyBackend) -> None:
    """Copies 1 and 2 move the right rows and no others, and are reported once."""
    device, host = memory
    before = [region.clone() for region in device]
    copies.start([a_copy(1, True, [5, 0], [0, 2])])
    copies.wait()
    for region, rows in zip(before, host, strict=True):
        assert rows[0].equal(region[5])
        assert rows[1].eq(-1).all()
        assert rows[2].equal(region[0])
    copies.start([a_copy(2, False, [1, 3], [0, 2])])
    copies.wait()
    for region, rows in zip(before, device, strict=True):
        assert rows[[1, 3]].equal(region[[5, 0]])
        assert rows[[0, 2, 4, 5]].equal(region[[0, 2, 4, 5]])
    done = copies.poll()
    assert [entry.copy_id for entry in done] == [1, 2]
    assert all(entry.seconds >= 0 for entry in done)
    assert copies.poll() == []
