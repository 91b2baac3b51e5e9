"""What must be true of a scheduler between any two calls."""

from collections import Counter
from itertools import chain

from vllm.v1.request import Request

from intercept_core.scheduler.mixin import InterceptMixin
from intercept_core.scheduler.parked import Parked


class Audit:
    """Counts everything again from scratch.

    Args:
        scheduler: The scheduler, which has no request yet.
    """

    def __init__(self, scheduler: InterceptMixin) -> None:
        self._scheduler = scheduler
        self._totals = scheduler.telemetry.as_dict()

    def check(self) -> None:
        """Raises AssertionError for whatever does not add up."""
        self._device_blocks()
        self._places()
        self._parked()
        self._host_slots()
        self._telemetry()

    def _device_blocks(self) -> None:
        """Each block is free, or held as often as it says, by requests that exist."""
        scheduler = self._scheduler
        manager = scheduler.kv_cache_manager
        pool = manager.block_pool
        tables = [
            table
            for group in manager.coordinator.single_type_managers
            for table in group.req_to_blocks.items()
        ]
        held = Counter(
            block.block_id for _, blocks in tables for block in blocks if not block.is_null
        )
        holders = {id_ for id_, blocks in tables if blocks}
        assert holders <= scheduler.requests.keys(), "blocks of requests that have ended"
        assert len(held) + pool.get_num_free_blocks() == pool.num_gpu_blocks - 1, "block leak"
        wrong = [id_ for id_, count in held.items() if pool.blocks[id_].ref_cnt != count]
        assert not wrong, f"blocks {wrong} are not held as often as they say"

    def _places(self) -> None:
        """Each request is in exactly one place."""
        scheduler = self._scheduler
        places: Counter[Request] = Counter(
            chain(
                scheduler.running,
                scheduler.waiting,
                scheduler.kv_holding_waiting,
                (parked.request for parked in scheduler.parked),
                (parked.request for parked in self._returning()),
            )
        )
        assert all(count == 1 for count in places.values()), "a request in two places"
        lost = [r for r in scheduler.requests.values() if r not in places]
        assert all(r.is_finished() for r in lost), f"in no place: {lost}"
        assert len(lost) <= len(self._copies()), "ended requests that no copy keeps"
        assert scheduler.num_waiting_for_streaming_input == 0

    def _parked(self) -> None:
        scheduler = self._scheduler
        table = scheduler.parked
        held = Counter(
            block_id for parked in table for block_id in scheduler.device._counted(parked, 0)
        )
        assert scheduler.device.parked._holders == held
        blocks = scheduler.kv_cache_manager.block_pool.blocks
        alone = sum(blocks[block_id].ref_cnt == count for block_id, count in held.items())
        assert scheduler.device.parked_alone == alone
        assert table.yielding_blocks == sum(
            parked.freed_by(
                parked.device_blocks if table.yields(parked) else parked.spare_blocks
            )
            for parked in table
        )
        for parked in self._contexts():
            name = parked.request_id
            assert 0 <= parked.device_blocks <= scheduler.device.held(parked.request), name
            assert parked.device_blocks <= parked.blocks, name
            assert 0 <= parked.first_host_block <= parked.blocks, name
            assert parked.request.num_computed_tokens <= parked.context_tokens, name

    def _host_slots(self) -> None:
        """Each slot is free, or owned once."""
        swapper = self._scheduler.swapper
        if swapper is None:
            return
        copies = self._copies()
        contexts = [*self._contexts(), *(parked for _, parked in copies)]
        owned = [slot for parked in dict.fromkeys(contexts) for slot in parked.host_slots]
        owned += [slot for copy, _ in copies if copy.to_host for slot in copy.host_blocks]
        assert len(owned) == len(set(owned)), "a host slot with two owners"
        assert set(owned) == swapper.pool._taken, "host slots that nobody owns, or nobody took"
        assert swapper.pool.free + len(owned) == swapper.pool.size
        assert swapper.blocks_in_flight == sum(len(copy.host_blocks) for copy, _ in copies)

    def _telemetry(self) -> None:
        totals = self._scheduler.telemetry.as_dict()
        smaller = [name for name, total in totals.items() if total < self._totals[name]]
        assert not smaller, f"totals that have become smaller: {smaller}"
        assert totals["resumed"] <= totals["parked"]
        assert totals["resumed_preserved"] + totals["resumed_swapped"] <= totals["resumed"]
        assert totals["recomputed_tokens"] <= totals["context_tokens"]
        self._totals = totals

    def all_free(self) -> None:
        """Nothing is left of anybody."""
        scheduler = self._scheduler
        pool = scheduler.kv_cache_manager.block_pool
        assert not scheduler.requests
        assert not len(scheduler.parked)
        assert pool.get_num_free_blocks() == pool.num_gpu_blocks - 1
        if scheduler.swapper is not None:
            assert scheduler.swapper.pool.free == scheduler.swapper.pool.size
            assert not scheduler.swapper.busy()

    def _contexts(self) -> list[Parked]:
        return [*self._scheduler.parked, *self._returning()]

    def _returning(self) -> list[Parked]:
        swapper = self._scheduler.swapper
        return [] if swapper is None else swapper.returning

    def _copies(self) -> list[tuple]:
        swapper = self._scheduler.swapper
        return [] if swapper is None else list(swapper._copies.values())
