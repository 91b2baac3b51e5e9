"""The road between scheduler and workers for copies of KV blocks."""

from collections import deque
from typing import TYPE_CHECKING, Any

import torch
from vllm.config import VllmConfig
from vllm.distributed.kv_transfer.kv_connector.v1.base import (
    KVConnectorBase_V1,
    KVConnectorMetadata,
    KVConnectorRole,
    SupportsHMA,
)
from vllm.distributed.parallel_state import get_world_group
from vllm.v1.core.kv_cache_manager import KVCacheBlocks
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.kv_cache_interface import (
    FullAttentionSpec,
    KVCacheConfig,
    KVCacheSpec,
    MLAAttentionSpec,
    UniformTypeKVCacheSpecs,
)
from vllm.v1.outputs import KVConnectorOutput
from vllm.v1.request import Request
from vllm.v1.simple_kv_offload.cuda_mem_ops import pin_tensor

from intercept_core.swap.block_copy import BlockCopy, CopyOrders, CopyReports
from intercept_core.swap.config import SwapConfig
from intercept_core.swap.copy_backend import CopyBackend
from intercept_core.swap.cuda_copies import CudaCopies
from intercept_core.swap.gpu import CudaGpu
from intercept_core.swap.host_memory import Seen, available_to_workers
from intercept_core.swap.host_pool import (
    GIB,
    bytes_per_block,
    host_blocks,
    require_memory,
)
from intercept_core.swap.limited_copies import LimitedCopies
from intercept_core.swap.regions import block_regions, host_regions
from intercept_core.swap.thread_copies import ThreadCopies

if TYPE_CHECKING:
    from vllm.forward_context import ForwardContext

MOVABLE = {FullAttentionSpec.__name__, MLAAttentionSpec.__name__}
"""Kinds of layers that hold all blocks of a context, so that a part of it can go and return."""


class InterceptConnector(KVConnectorBase_V1, SupportsHMA):
    """Carries orders out and reports back; what they mean only the scheduler knows.

    Attributes:
        host_blocks: Size of the host pool.
        wait: Whether each iteration waits for its copies.
        lanes: Copies that a worker makes at a time: 2 if those out and those back run beside
            each other, else 1.

    Raises:
        ValueError: at construction, if the settings, the model or the machine do not fit.
    """

    def __init__(
        self, vllm_config: VllmConfig, role: KVConnectorRole, kv_cache_config: KVCacheConfig
    ) -> None:
        super().__init__(vllm_config, role, kv_cache_config)
        groups = kv_cache_config.kv_cache_groups
        if len(groups) != 1:
            raise ValueError(
                f"kv_connector: InterceptConnector moves contexts of one KV cache group, and "
                f"this model has {len(groups)}; serve it without a host pool"
            )
        if others := _kinds_of_layers(groups[0].kv_cache_spec) - MOVABLE:
            raise ValueError(
                "kv_connector: InterceptConnector moves contexts of layers that attend to all "
                f"of them, and this model has {', '.join(sorted(others))}; serve it without a "
                "host pool"
            )
        stages = vllm_config.parallel_config.pipeline_parallel_size
        if stages != 1:
            raise ValueError(
                f"pipeline_parallel_size: {stages} stages may hold blocks of different sizes, "
                "which InterceptConnector does not copy; use tensor parallelism, or no swap"
            )
        self._config = SwapConfig.model_validate(
            self._kv_transfer_config.kv_connector_extra_config or {}
        )
        self._workers = vllm_config.parallel_config.world_size
        self.host_blocks = host_blocks(
            kv_cache_config, self._config.host_memory_gib, self._workers
        )
        self.wait = False
        if self._config.bandwidth_gib_per_s is not None:
            self.lanes = LimitedCopies.lanes
        elif vllm_config.device_config.device_type == "cuda":
            self.lanes = CudaCopies.lanes
        else:
            self.lanes = ThreadCopies.lanes
        self._orders = CopyOrders()
        self._reports_missing: dict[int, int] = {}
        self._seconds: dict[int, float] = {}
        self._finished: deque[tuple[int, float]] = deque()
        self._backend: CopyBackend | None = None

    @property
    def requires_kv_delivery(self) -> bool:
        """A context is nobody else's: losing one means computing it again."""
        return False

    # -- scheduler's side --------------------------------------------------------------

    def order(self, copy: BlockCopy) -> None:
        """Sends a copy with the next iteration."""
        self._orders.copies.append(copy)
        self._reports_missing[copy.copy_id] = self._workers

    def take_finished(self) -> list[tuple[int, float]]:
        """Ids and seconds of copies that all workers have made since the last call."""
        finished = list(self._finished)
        self._finished.clear()
        return finished

    def get_num_new_matched_tokens(
        self, request: Request, num_computed_tokens: int
    ) -> tuple[int | None, bool]:
        """Nothing is ever found here: the scheduler brings contexts back itself."""
        return 0, False

    def update_state_after_alloc(
        self, request: Request, blocks: KVCacheBlocks, num_external_tokens: int
    ) -> None:
        """Nothing to note."""

    def build_connector_meta(self, scheduler_output: SchedulerOutput) -> KVConnectorMetadata:
        """Hands over the copies ordered since the last iteration."""
        orders, self._orders = self._orders, CopyOrders()
        orders.wait = self.wait and bool(orders.copies)
        return orders

    def update_connector_output(self, connector_output: KVConnectorOutput) -> None:
        """Counts the workers that have made a copy."""
        reports = connector_output.kv_connector_worker_meta
        if not isinstance(reports, CopyReports):
            return
        for copy_id, workers in reports.workers.items():
            seconds = max(self._seconds.get(copy_id, 0.0), reports.seconds[copy_id])
            self._reports_missing[copy_id] -= workers
            if self._reports_missing[copy_id]:
                self._seconds[copy_id] = seconds
                continue
            del self._reports_missing[copy_id]
            self._seconds.pop(copy_id, None)
            self._finished.append((copy_id, seconds))

    def request_finished(
        self, request: Request, block_ids: list[int]
    ) -> tuple[bool, dict[str, Any] | None]:
        """Blocks are free at once."""
        return False, None

    def request_finished_all_groups(
        self, request: Request, block_ids: tuple[list[int], ...]
    ) -> tuple[bool, dict[str, Any] | None]:
        """Blocks are free at once."""
        return False, None

    def has_pending_push_work(self) -> bool:
        """Keeps the engine stepping until all copies are reported."""
        return bool(self._reports_missing or self._finished)

    # -- worker's side -----------------------------------------------------------------

    def register_kv_caches(self, kv_caches: dict[str, torch.Tensor]) -> None:
        """Makes room on the host and starts the backend."""
        assert self._kv_cache_config is not None
        here, available = available_to_workers(
            _from_all_workers if self._workers > 1 else lambda seen: [seen]
        )
        require_memory(self._config.host_memory_gib, self._workers, here, available)
        device = block_regions(self._kv_cache_config, dict(kv_caches))
        on_gpu = device[0].is_cuda
        host = host_regions(device, self.host_blocks, pin_tensor if on_gpu else None)
        self._backend = (
            CudaCopies(device, host, CudaGpu(device[0].device))
            if on_gpu
            else ThreadCopies(device, host)
        )
        if self._config.bandwidth_gib_per_s is not None:
            block_gib = bytes_per_block(self._kv_cache_config) / GIB
            self._backend = LimitedCopies(
                self._backend, block_gib / self._config.bandwidth_gib_per_s
            )

    def bind_connector_metadata(self, connector_metadata: KVConnectorMetadata) -> None:
        """Starts the copies, before the forward pass, which they run beside."""
        super().bind_connector_metadata(connector_metadata)
        if self._backend is None:
            return
        assert isinstance(connector_metadata, CopyOrders)
        self._backend.start(connector_metadata.copies)
        if connector_metadata.wait:
            self._backend.wait()

    def build_connector_worker_meta(self) -> CopyReports | None:
        """Reports the copies that have ended."""
        if self._backend is None or not (done := self._backend.poll()):
            return None
        return CopyReports(
            workers={copy.copy_id: 1 for copy in done},
            seconds={copy.copy_id: copy.seconds for copy in done},
        )

    def start_load_kv(self, forward_context: "ForwardContext", **kwargs: Any) -> None:
        """Nothing is loaded for the iteration itself."""

    def wait_for_layer_load(self, layer_name: str) -> None:
        """Nothing to wait for."""

    def save_kv_layer(
        self, layer_name: str, kv_layer: torch.Tensor, attn_metadata: Any, **kwargs: Any
    ) -> None:
        """Nothing is saved layer by layer."""

    def wait_for_save(self) -> None:
        """Nothing to wait for."""

    def shutdown(self) -> None:
        """Ends the backend."""
        if self._backend is not None:
            self._backend.close()


def _from_all_workers(seen: Seen) -> list[Seen]:
    group = get_world_group()
    everyone: list[Any] = [None] * group.world_size
    torch.distributed.all_gather_object(everyone, seen, group.cpu_group)
    return everyone


def _kinds_of_layers(spec: KVCacheSpec) -> set[str]:
    # Workers may be told of every layer, the scheduler of one for all.
    each = spec.kv_cache_specs.values() if isinstance(spec, UniformTypeKVCacheSpecs) else [spec]
    return {type(layer).__name__ for layer in each}
