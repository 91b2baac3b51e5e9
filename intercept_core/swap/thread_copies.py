"""Copies by one thread, for a KV cache in the machine's own memory."""

import queue
import threading
import time

import torch

from intercept_core.swap.block_copy import BlockCopy
from intercept_core.swap.copy_backend import WAIT_S, CopyBackend, DoneCopy, failed, overdue


class ThreadCopies(CopyBackend):
    """A daemon thread that copies row by row; memcpy runs without Python's lock.

    Args:
        device: Regions of the KV cache, see
            :func:`~intercept_core.swap.regions.block_regions`.
        host: As many tensors with rows of the same sizes.
        wait_s: How long ``wait`` waits at most.
    """

    lanes = 1

    def __init__(
        self, device: list[torch.Tensor], host: list[torch.Tensor], wait_s: float = WAIT_S
    ) -> None:
        self._wait_s = wait_s
        self._pairs = list(zip(device, host, strict=True))
        self._orders: queue.SimpleQueue[BlockCopy | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[DoneCopy] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._started = 0
        self._ended = 0
        self._progress = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="kv-copies", daemon=True)
        self._thread.start()

    def start(self, copies: list[BlockCopy]) -> None:
        self._started += len(copies)
        for copy in copies:
            self._orders.put(copy)

    def poll(self) -> list[DoneCopy]:
        self._raise_error()
        return [self._done.get() for _ in range(self._done.qsize())]

    def wait(self) -> None:
        with self._progress:
            self._progress.wait_for(
                lambda: self._ended == self._started or self._error is not None, self._wait_s
            )
            self._raise_error()
            if left := self._started - self._ended:
                raise overdue(left, self._wait_s)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise failed(self._error) from self._error

    def close(self) -> None:
        self._orders.put(None)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        # The forward pass owns OpenMP's threads.
        torch.set_num_threads(1)
        try:
            while (copy := self._orders.get()) is not None:
                started_s = time.monotonic()
                self._copy(copy)
                self._done.put(DoneCopy(copy.copy_id, time.monotonic() - started_s))
                with self._progress:
                    self._ended += 1
                    self._progress.notify_all()
        except BaseException as error:  # told to the engine by the next poll
            with self._progress:
                self._error = error
                self._progress.notify_all()

    def _copy(self, copy: BlockCopy) -> None:
        # Row by row: indexing with many rows at once goes element by element, and takes ten
        # times as long.
        for on_device, on_host in zip(copy.device_blocks, copy.host_blocks, strict=True):
            for device, host in self._pairs:
                if copy.to_host:
                    host[on_host].copy_(device[on_device])
                else:
                    device[on_device].copy_(host[on_host])
