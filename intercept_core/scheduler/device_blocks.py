"""The device blocks of contexts that nobody computes on."""

from collections.abc import Callable
from itertools import chain, takewhile

from vllm.v1.core.kv_cache_manager import KVCacheManager
from vllm.v1.core.single_type_kv_cache_manager import FullAttentionManager
from vllm.v1.request import Request

from intercept_core.scheduler.held_blocks import HeldBlocks
from intercept_core.scheduler.park_table import ParkTable
from intercept_core.scheduler.parked import Parked
from intercept_core.scheduler.telemetry import Telemetry


class DeviceBlocks:
    """Counts them, lets go of them, and keeps the account of how long they were held.

    Attributes:
        parked: Those of parked contexts.
    """

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
        self.parked = HeldBlocks()
        self._table = table
        self._telemetry = telemetry
        self._now_s = now_s
        self._settled_s = now_s()

    @property
    def free(self) -> int:
        """Blocks that can be allocated."""
        return self.manager.block_pool.get_num_free_blocks()

    def held(self, request: Request) -> int:
        """Blocks of ``request``, in all groups."""
        return len(self._ids(request.request_id))

    def _ids(self, request_id: str) -> list[int]:
        """But for vLLM's null block, which stands for what a sliding window has left."""
        groups = self.manager.get_block_ids(request_id)
        if self.divisible:
            return groups[0]
        null_id = self.manager.block_pool.null_block.block_id
        return [id_ for id_ in chain.from_iterable(groups) if id_ != null_id]

    def ids(self, request: Request, first: int, count: int) -> list[int]:
        """Ids of ``count`` blocks, in a cache with one group."""
        return self.manager.get_block_ids(request.request_id)[0][first : first + count]

    @property
    def parked_alone(self) -> int:
        """Blocks that would be free if no parked context held any."""
        blocks = self.manager.block_pool.blocks
        return self.parked.alone(lambda block_id: blocks[block_id].ref_cnt)

    def park(self, parked: Parked) -> None:
        """Counts a context that is parked from now on."""
        self.settle()
        self.parked.add(self._counted(parked, 0))
        blocks = self.manager.block_pool.blocks
        held = takewhile(lambda id_: blocks[id_].ref_cnt > 1, self._counted(parked, 0))
        parked.shared_blocks = sum(1 for _ in held)

    def unpark(self, parked: Parked) -> None:
        """Counts a context no more, while it still holds its blocks."""
        self.settle()
        self.parked.remove(self._counted(parked, 0))
        parked.held_since_s = self._settled_s

    def _counted(self, parked: Parked, first: int) -> list[int]:
        """Ids of the blocks of a parked context from this one on."""
        return self._ids(parked.request_id)[first : parked.device_blocks]

    def settle(self) -> None:
        """Adds what parked contexts have held until now to their account."""
        now_s = self._now_s()
        self._telemetry.parked_block_s += len(self.parked) * (now_s - self._settled_s)
        self._settled_s = now_s

    def account(self, returning: Parked) -> None:
        """Adds what a context on its way back has held since it was last asked."""
        now_s = self._now_s()
        held_s = now_s - returning.held_since_s
        returning.held_since_s = now_s
        self._telemetry.returning_block_s += self.occupied(returning) * held_s

    def occupied(self, parked: Parked) -> int:
        """Blocks of a context on its way back, those included into which a copy is made."""
        arriving = 0 if parked.copy is None else len(parked.copy.device_blocks)
        return parked.device_blocks + arriving

    def shrink(self, parked: Parked, keep: int) -> None:
        """Lets go of all blocks but the first ``keep``; keeping any needs them divisible."""
        if parked.request_id in self._table:
            self.settle()
            self.parked.remove(self._counted(parked, keep))
        else:
            self.account(parked)
        self.cut(parked.request, keep)
        self._table.resize(parked, keep)

    @property
    def divisible(self) -> bool:
        """Whether contexts can be kept in part.

        A layer with a window has let go of what is before it: whoever computes the end again
        would read there what others have written since.
        """
        groups = self.manager.coordinator.single_type_managers
        return len(groups) == 1 and type(groups[0]) is FullAttentionManager

    def cut(self, request: Request, keep: int) -> None:
        """Lets go of all blocks of a request but the first ``keep``."""
        if keep == 0:
            self.manager.free(request)
        else:
            self._free_tail(request.request_id, keep)
        request.num_computed_tokens = min(request.num_computed_tokens, keep * self.block_tokens)

    def regain(self, parked: Parked) -> None:
        """Takes back what the prefix cache still has of a resumed context's lost end.

        vLLM looks only for those that have lost all.
        """
        request = parked.request
        held, whole = parked.device_blocks, parked.context_tokens // self.block_tokens
        if not (0 < held < whole and self.divisible and self._may_look_up(request)):
            return
        coordinator = self.manager.coordinator
        (found, *_), *_ = coordinator.find_longest_cache_hit(
            request.block_hashes, whole * self.block_tokens
        )
        tail = found[held:whole]
        group = coordinator.single_type_managers[0]
        self.manager.block_pool.touch(tail)
        group.req_to_blocks[request.request_id].extend(tail)
        group.num_cached_block[request.request_id] = held + len(tail)
        parked.device_blocks = held + len(tail)
        request.num_computed_tokens = parked.device_blocks * self.block_tokens

    def _may_look_up(self, request: Request) -> bool:
        return self.manager.enable_caching and not request.skip_reading_prefix_cache

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
