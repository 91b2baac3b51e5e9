"""A fake copy backend that is as late as it may be."""

import random

import torch

from intercept_core.swap.block_copy import BlockCopy
from intercept_core.swap.copy_backend import CopyBackend, DoneCopy


class FakeDelayedCopies(CopyBackend):
    """Copies at the last moment, some iterations after the order, in random order: whoever
    re-uses a block or a slot too early corrupts a context."""

    def __init__(
        self, device: list[torch.Tensor], host: list[torch.Tensor], most_polls: int, seed: int
    ) -> None:
        self._pairs = list(zip(device, host, strict=True))
        self._most_polls = most_polls
        self._rng = random.Random(seed)
        self._pending: list[tuple[int, BlockCopy]] = []

    def start(self, copies: list[BlockCopy]) -> None:
        self._pending += [(self._rng.randint(0, self._most_polls), copy) for copy in copies]

    def poll(self) -> list[DoneCopy]:
        due = [copy for polls, copy in self._pending if polls <= 0]
        self._pending = [(polls - 1, copy) for polls, copy in self._pending if polls > 0]
        self._rng.shuffle(due)
        return [self._make(copy) for copy in due]

    def wait(self) -> None:
        self._pending = [(0, copy) for _, copy in self._pending]

    def close(self) -> None:
        pass

    def _make(self, copy: BlockCopy) -> DoneCopy:
        for device, host in self._pairs:
            for device_block, host_block in zip(
                copy.device_blocks, copy.host_blocks, strict=True
            ):
                if copy.to_host:
                    host[host_block] = device[device_block]
                else:
                    device[device_block] = host[host_block]
        return DoneCopy(copy.copy_id, 1e-4)
