"""Who gets the host's slots, and whose turn on the way back is kept."""

from typing import Any, cast

import pytest
from vllm import SamplingParams
from vllm.v1.request import Request

from intercept_core.policy.types import Disposition
from intercept_core.scheduler.device_blocks import DeviceBlocks
from intercept_core.scheduler.parked import Parked
from intercept_core.scheduler.swapper import Swapper
from intercept_core.scheduler.telemetry import Telemetry
from intercept_core.swap.block_copy import BlockCopy
from intercept_core.swap.connector import InterceptConnector

BLOCK_TOKENS = 16
HOST_BLOCKS = 4


class FakeConnector:
    """Makes each copy in no time."""

    host_blocks = HOST_BLOCKS

    def __init__(self) -> None:
        self.ordered: list[BlockCopy] = []

    def order(self, copy: BlockCopy) -> None:
        self.ordered.append(copy)

    def take_finished(self) -> list[tuple[int, float]]:
        ended, self.ordered = self.ordered, []
        return [(copy.copy_id, 0.001) for copy in ended]


class FakeDevice:
    """Blocks without memory."""

    block_tokens = BLOCK_TOKENS

    def ids(self, request: Request, first: int, count: int) -> list[int]:
        return list(range(first, first + count))

    def shrink(self, parked: Parked, keep: int) -> None:
        parked.device_blocks = keep

    def moved(self, parked: Parked) -> None:
        pass

    def account(self, parked: Parked) -> None:
        pass


def context(name: str, *, worth: float, arrival_s: float = 0.0) -> Parked:
    """Four blocks on the device."""
    request = Request(
        request_id=name,
        prompt_token_ids=[1] * 4 * BLOCK_TOKENS,
        sampling_params=SamplingParams(max_tokens=1),
        pooling_params=None,
        arrival_time=arrival_s,
    )
    return Parked(
        request=request,
        key=name,
        since_s=0.0,
        context_tokens=4 * BLOCK_TOKENS,
        blocks=4,
        device_blocks=4,
        worth=worth,
        disposition=Disposition.SWAP,
    )


@pytest.fixture
def swapper() -> Swapper:
    return Swapper(
        cast(InterceptConnector, FakeConnector()),
        cast(DeviceBlocks, FakeDevice()),
        Telemetry(),
        lambda request: request.arrival_time,
    )


def swap_out(swapper: Swapper, parked: Parked) -> int:
    swapper.apply([parked])
    started = swapper.copy_out(HOST_BLOCKS)
    swapper.collect()
    return started


def on_host(swapper: Swapper, parked: Parked) -> Parked:
    assert swap_out(swapper, parked) == HOST_BLOCKS
    assert (parked.device_blocks, len(parked.host_slots)) == (0, HOST_BLOCKS)
    return parked


def test_a_full_host_takes_what_is_worth_more(swapper: Swapper) -> None:
    cheap = on_host(swapper, context("cheap", worth=1.0))
    dear = context("dear", worth=5.0)
    assert swap_out(swapper, dear) == HOST_BLOCKS
    assert len(dear.host_slots) == HOST_BLOCKS
    assert (cheap.host_slots, cheap.disposition) == ([], Disposition.DISCARD)
    assert cheap.lost_tokens(BLOCK_TOKENS) == cheap.context_tokens


def test_a_full_host_keeps_what_is_worth_as_much(swapper: Swapper) -> None:
    kept = on_host(swapper, context("kept", worth=5.0))
    newcomer = context("newcomer", worth=5.0)
    assert swap_out(swapper, newcomer) == 0
    assert len(kept.host_slots) == HOST_BLOCKS
    assert newcomer.device_blocks == 4
    assert not swapper.copying_out, "nobody waits for a copy that cannot start"


def bring_back(swapper: Swapper, *contexts: Parked) -> None:
    for parked in contexts:
        parked.resumed_s = 1.0
        swapper.bring_back(parked)


def test_one_that_found_no_memory_keeps_its_turn_while_there_is_no_budget(
    swapper: Swapper,
) -> None:
    waiting = on_host(swapper, context("waiting", worth=1.0))
    bring_back(swapper, waiting)
    asked: list[Any] = []

    def no_memory(request: Request, tokens: int) -> bool:
        asked.append((request.request_id, tokens))
        return False

    assert swapper.copy_in(HOST_BLOCKS, no_memory) == 0
    assert swapper.refused is waiting
    assert swapper.copy_in(0, no_memory) == 0
    assert swapper.refused is waiting
    assert asked == [("waiting", 4 * BLOCK_TOKENS)]
    assert swapper.copy_in(HOST_BLOCKS, lambda *_: True) == HOST_BLOCKS
    assert swapper.refused is None


def returning(swapper: Swapper, *, device_blocks: int) -> Parked:
    """The device has the first two blocks, the host the last two; then some are back."""
    parked = context("a", worth=1.0)
    swapper.apply([parked])
    swapper.copy_out(2)
    swapper.collect()
    assert (parked.device_blocks, len(parked.host_slots)) == (2, 2)
    swapper.bring_back(parked)
    parked.device_blocks = device_blocks
    return parked


def test_a_context_on_its_way_back_keeps_what_the_host_lacks(swapper: Swapper) -> None:
    parked = returning(swapper, device_blocks=3)
    assert swapper.send_back(parked)
    assert parked.device_blocks == 2
    assert swapper.returning == [parked]
    assert len(parked.host_slots) == 2


def test_without_anything_back_it_loses_all(swapper: Swapper) -> None:
    parked = returning(swapper, device_blocks=2)
    assert not swapper.send_back(parked)
    assert parked.device_blocks == 0
    assert swapper.returning == []
    assert swapper.pool.free == HOST_BLOCKS
