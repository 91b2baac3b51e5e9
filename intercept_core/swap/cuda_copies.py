"""Copies by a GPU's copy engines, on the path of vLLM's own offloading.

Addresses and descriptors are vLLM's (``cuda_mem_ops``). Its thread around them,
``DmaCopyBackend``, is not used: that ends without a word when a copy fails, and times none.
The tests run all of this on a fake :class:`~intercept_core.swap.gpu.Gpu`; that a real one does
likewise was read against vLLM 0.32 and 0.33, not run: there was no GPU at hand.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from vllm.v1.simple_kv_offload.cuda_mem_ops import (
    CU_MEMCPY_SRC_ACCESS_ORDER_ANY,
    CU_MEMCPY_SRC_ACCESS_ORDER_STREAM,
    build_params,
    copy_blocks,
)

from intercept_core.swap.block_copy import BlockCopy
from intercept_core.swap.copy_backend import WAIT_S, CopyBackend, DoneCopy, failed, overdue
from intercept_core.swap.gpu import Gpu

POLL_S = 50e-6


class CudaCopies(CopyBackend):
    """Two side streams, one each way, behind what the compute stream has been given so far.

    A thread launches the copies: describing many blocks takes milliseconds, which the forward
    pass need not wait for.

    Args:
        device: Regions of the KV cache, see
            :func:`~intercept_core.swap.regions.block_regions`.
        host: As many pinned tensors with rows of the same sizes.
        gpu: Where the regions are.
        wait_s: How long ``wait`` waits at most.
    """

    lanes = 2

    def __init__(
        self,
        device: list[torch.Tensor],
        host: list[torch.Tensor],
        gpu: Gpu,
        wait_s: float = WAIT_S,
    ) -> None:
        self._memory = device, host  # copies know addresses only, which must stay valid
        self._gpu = gpu
        self._wait_s = wait_s
        on_device = {str(index): region for index, region in enumerate(device)}
        on_host = {str(index): region for index, region in enumerate(host)}
        out, back = gpu.side_stream(), gpu.side_stream()
        self._lanes = {  # by to_host
            # The KV cache may still be written by what the stream waits for; the host's rows
            # are not.
            True: (
                out,
                build_params(on_device, on_host, out, CU_MEMCPY_SRC_ACCESS_ORDER_STREAM),
            ),
            False: (
                back,
                build_params(on_host, on_device, back, CU_MEMCPY_SRC_ACCESS_ORDER_ANY),
            ),
        }
        self._launcher = ThreadPoolExecutor(1, "kv-copies", gpu.enter_thread)
        self._launches: dict[int, Future[tuple[Any, Any]]] = {}

    def start(self, copies: list[BlockCopy]) -> None:
        if not copies:
            return
        computed = self._gpu.event()
        computed.record(self._gpu.compute_stream())
        for copy in copies:
            self._launches[copy.copy_id] = self._launcher.submit(self._launch, copy, computed)

    def _launch(self, copy: BlockCopy, computed: Any) -> tuple[Any, Any]:
        """Returns the events of its begin and end."""
        stream, params = self._lanes[copy.to_host]
        ends = list(copy.device_blocks), list(copy.host_blocks)
        source, target = ends if copy.to_host else ends[::-1]
        begun, ended = self._gpu.event(), self._gpu.event()
        stream.wait_event(computed)
        begun.record(stream)
        copy_blocks(source, target, params)
        ended.record(stream)
        return begun, ended

    def poll(self) -> list[DoneCopy]:
        done = [copy_id for copy_id, launch in self._launches.items() if self._ended(launch)]
        return [DoneCopy(copy_id, self._take_seconds(copy_id)) for copy_id in done]

    def _take_seconds(self, copy_id: int) -> float:
        begun, ended = self._launches.pop(copy_id).result()
        milliseconds: float = begun.elapsed_time(ended)
        return milliseconds / 1e3

    @staticmethod
    def _ended(launch: Future[tuple[Any, Any]]) -> bool:
        if not launch.done():
            return False
        if (error := launch.exception()) is not None:
            raise failed(error) from error
        _, ended = launch.result()
        return bool(ended.query())

    def wait(self) -> None:
        deadline_s = time.monotonic() + self._wait_s
        while left := sum(not self._ended(launch) for launch in self._launches.values()):
            if time.monotonic() >= deadline_s:
                raise overdue(left, self._wait_s)
            time.sleep(POLL_S)

    def close(self) -> None:
        # Without waiting: on a device that hangs, a launch may too.
        self._launcher.shutdown(wait=False, cancel_futures=True)
