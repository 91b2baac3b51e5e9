"""Copies by a GPU's copy engines, on the path of vLLM's own offloading.

Read against vLLM 0.32 and 0.33, not run: there was no GPU at hand.
"""

import time
from typing import Any

import torch
from vllm.v1.simple_kv_offload.copy_backend import DmaCopyBackend

from intercept_core.swap.block_copy import BlockCopy
from intercept_core.swap.copy_backend import CopyBackend, DoneCopy

POLL_S = 50e-6
MEASURED_BLOCKS = 64


class CudaCopies(CopyBackend):
    """Two side streams, one each way, behind what the compute stream has been given so far.

    Args:
        device: Regions of the KV cache, see
            :func:`~intercept_core.swap.regions.block_regions`.
        host: As many pinned tensors with rows of the same sizes.
    """

    def __init__(self, device: list[torch.Tensor], host: list[torch.Tensor]) -> None:
        least, _ = torch.cuda.Stream.priority_range()
        self._load_stream = torch.cuda.Stream(priority=least)
        self._store_stream = torch.cuda.Stream(priority=least)
        self._dma = DmaCopyBackend()
        self._dma.init(
            {str(index): region for index, region in enumerate(device)},
            {str(index): region for index, region in enumerate(host)},
            device[0].device,
            self._load_stream,
            self._store_stream,
        )
        self._events: list[tuple[int, Any]] = []
        self._blocks: dict[int, int] = {}
        self._block_s = _block_s(device, host)

    def start(self, copies: list[BlockCopy]) -> None:
        if not copies:
            return
        computed = torch.Event()
        computed.record(torch.cuda.current_stream())
        for copy in copies:
            ends = list(copy.device_blocks), list(copy.host_blocks)
            source, target = ends if copy.to_host else ends[::-1]
            self._blocks[copy.copy_id] = len(copy.host_blocks)
            self._dma.launch_copy(
                source, target, copy.to_host, copy.copy_id, self._events, computed
            )

    def poll(self) -> list[DoneCopy]:
        # The launching thread appends to this list, so it is only ever shortened in place.
        ended = [entry for entry in list(self._events) if entry[1].query()]
        for entry in ended:
            self._events.remove(entry)
        return [DoneCopy(id_, self._block_s * self._blocks.pop(id_)) for id_, _ in ended]

    def wait(self) -> None:
        # A copy is launched by a thread: its event may not exist yet.
        while len(self._events) < len(self._blocks):
            time.sleep(POLL_S)
        for _, event in list(self._events):
            event.synchronize()

    def close(self) -> None:
        self._dma.shutdown()


def _block_s(device: list[torch.Tensor], host: list[torch.Tensor]) -> float:
    """Seconds of a block's copy, measured once: later a copy's launch and the moment at which
    its end is seen lie whole forward passes apart."""
    count = min(MEASURED_BLOCKS, len(device[0]), len(host[0]))
    seconds = 0.0
    for _ in range(2):  # the first warms up
        torch.cuda.synchronize()
        started_s = time.perf_counter()
        for on_device, on_host in zip(device, host, strict=True):
            on_host[:count].copy_(on_device[:count], non_blocking=True)
        torch.cuda.synchronize()
        seconds = time.perf_counter() - started_s
    return seconds / count
