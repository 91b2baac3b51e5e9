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
        self._started_s: dict[int, float] = {}

    def start(self, copies: list[BlockCopy]) -> None:
        if not copies:
            return
        computed = torch.Event()
        computed.record(torch.cuda.current_stream())
        for copy in copies:
            ends = list(copy.device_blocks), list(copy.host_blocks)
            source, target = ends if copy.to_host else ends[::-1]
            self._started_s[copy.copy_id] = time.monotonic()
            self._dma.launch_copy(
                source, target, copy.to_host, copy.copy_id, self._events, computed
            )

    def poll(self) -> list[DoneCopy]:
        now_s = time.monotonic()
        # The launching thread appends to this list, so it is only ever shortened in place.
        ended = [entry for entry in list(self._events) if entry[1].query()]
        for entry in ended:
            self._events.remove(entry)
        return [DoneCopy(id_, now_s - self._started_s.pop(id_)) for id_, _ in ended]

    def wait(self) -> None:
        # A copy is launched by a thread: its event may not exist yet.
        while len(self._events) < len(self._started_s):
            time.sleep(POLL_S)
        for _, event in list(self._events):
            event.synchronize()

    def close(self) -> None:
        self._dma.shutdown()
