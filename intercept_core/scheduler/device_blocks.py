"""The device blocks of contexts that nobody computes on."""

from collections.abc import Callable

from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.request import Request

from intercept_core.scheduler.park_table import ParkTable
from intercept_core.scheduler.parked import Parked
from intercept_core.scheduler.telemetry import Telemetry


class DeviceBlocks:
    """Counts them, lets go of them, and keeps the account of how long they were held."""

    def __init__(
        self,
        manager: KVCacheManager,
        table: ParkTable,
        telemetry: Telemetry,
        block_tokens: int,
        now_s: Callable[[], float],
    ) -> None:
        self.manager = manager
        self.block_tokens = block_tokens
        self._table = table
        self._telemetry = telemetry
        self._now_s = now_s

    @property
    def free(self) -> int:
        """Blocks that can be allocated."""
        return self.manager.block_pool.get_num_free_blocks()

    def held(self, request: Request) -> int:
        """Blocks of ``request``, in all groups."""
        groups = self.manager.get_block_ids(request.request_id)
        return sum(len(block_ids) for block_ids in groups)

    def ids(self, request: Request, first: int, count: int) -> list[int]:
        """Ids of ``count`` blocks, in a cache with one group."""
        return self.manager.get_block_ids(request.request_id)[0][first : first + count]

    def account(self, parked: Parked) -> None:
        """Adds what ``parked`` has held since it was last asked."""
        now_s = self._now_s()
        held_s = now_s - parked.held_since_s
        parked.held_since_s = now_s
        if parked.resumed_s is None:
            self._telemetry.parked_block_s += parked.device_blocks * held_s
        else:
            self._telemetry.returning_block_s += self.occupied(parked) * held_s

    def occupied(self, parked: Parked) -> int:
        """Blocks of a context on its way back, those included into which a copy is made."""
        arriving = 0 if parked.copy is None else len(parked.copy.device_blocks)
        return parked.device_blocks + arriving

    def shrink(self, parked: Parked, keep: int) -> None:
        """Lets go of all blocks but the first ``keep``; keeping any needs a single group."""
        self.account(parked)
        self.cut(parked.request, keep)
        self._table.resize(parked, keep)

    @property
    def divisible(self) -> bool:
        """Whether contexts can be kept in part."""
        return len(self.manager.coordinator.single_type_managers) == 1

    def cut(self, request: Request, keep: int) -> None:
        """Lets go of all blocks of a request but the first ``keep``."""
        if keep == 0:
            self.manager.free(request)
        else:
            self._free_tail(request.request_id, keep)
        request.num_computed_tokens = min(request.num_computed_tokens, keep * self.block_tokens)

    def uncache_uncomputed(self, request: Request) -> None:
        """Lets go of blocks that the prefix cache knows by tokens which ``request`` no longer
        has: other tokens are about to be computed there."""
        computed = request.num_computed_tokens
        if any(
            group.num_cached_block.get(request.request_id, 0) > computed // group.block_size
            for group in self.manager.coordinator.single_type_managers
        ):
            self.cut(request, computed // self.block_tokens if self.divisible else 0)

    def moved(self, parked: Parked) -> None:
        """Notes that the host's part of ``parked`` has changed."""
        self._table.rank(parked)

    def _free_tail(self, request_id: str, keep: int) -> None:
        # KVCacheManager frees all or nothing.
        group = self.manager.coordinator.single_type_managers[0]
        blocks = group.req_to_blocks[request_id]
        tail = blocks[keep:]
        del blocks[keep:]
        if request_id in group.num_cached_block:
            cached = group.num_cached_block[request_id]
            group.num_cached_block[request_id] = min(cached, keep)
        # Tail first, so that the prefix cache loses the end of a context before its head.
        self.manager.block_pool.free_blocks(reversed(tail))
