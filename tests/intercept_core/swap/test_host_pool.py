"""Host blocks are handed out once, and the pool fits the machine."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from vllm.v1.kv_cache_interface import (
    FullAttentionSpec,
    KVCacheConfig,
    KVCacheGroupSpec,
    KVCacheTensor,
)

from intercept_core.swap.host_pool import (
    GIB,
    HostPool,
    bytes_per_block,
    host_blocks,
    require_memory,
)

BLOCK_BYTES = 2**20


def cache_config() -> KVCacheConfig:
    """Ten blocks over two layers, half a MiB each."""
    spec = FullAttentionSpec(block_size=16, num_kv_heads=1, head_size=1, dtype=torch.float32)
    size = 10 * BLOCK_BYTES // 2
    tensors = [
        KVCacheTensor(
            size=size, layers=[name], layer_stride=size, block_stride=BLOCK_BYTES // 2
        )
        for name in "ab"
    ]
    return KVCacheConfig(10, tensors, [KVCacheGroupSpec(["a", "b"], spec)])


def test_blocks_are_taken_once_and_come_back() -> None:
    pool = HostPool(5)
    first, second = pool.take(2), pool.take(3)
    assert sorted(first + second) == [0, 1, 2, 3, 4]
    assert pool.free == 0
    pool.give_back(second)
    assert pool.free == 3
    assert sorted(pool.take(3)) == sorted(second)


@pytest.mark.parametrize("count", [0, 4])
def test_taking_none_or_too_many_is_a_bug(count: int) -> None:
    with pytest.raises(AssertionError, match=f"{count} of 3 free"):
        HostPool(3).take(count)


def test_giving_back_what_was_not_taken_is_a_bug() -> None:
    pool = HostPool(3)
    (block,) = pool.take(1)
    pool.give_back([block])
    with pytest.raises(AssertionError, match="was not taken"):
        pool.give_back([block])


@given(st.lists(st.integers(0, 9), max_size=40))
def test_free_and_taken_are_all_there_are(draws: list[int]) -> None:
    pool = HostPool(10)
    taken: list[int] = []
    for draw in draws:
        if draw and draw <= pool.free:
            taken += pool.take(draw)
        else:
            pool.give_back(taken[: draw + 1])
            del taken[: draw + 1]
        assert pool.free + len(taken) == 10
        assert len(set(taken)) == len(taken)


def test_a_block_counts_over_all_layers() -> None:
    assert bytes_per_block(cache_config()) == BLOCK_BYTES


@pytest.mark.parametrize(("workers", "blocks"), [(1, 8), (2, 4), (3, 2)])
def test_workers_share_the_memory(workers: int, blocks: int) -> None:
    assert host_blocks(cache_config(), 8.5 * BLOCK_BYTES / GIB, workers) == blocks


@pytest.mark.parametrize(
    ("workers", "here", "available_gib"), [(1, 1, 8), (4, 4, 8), (4, 2, 4), (2, 4, 16)]
)
def test_what_the_machine_has_must_do_for_all_its_workers(
    workers: int, here: int, available_gib: int
) -> None:
    available = available_gib * GIB
    require_memory(8.0, workers, here, available)
    message = (
        rf"host_memory_gib: 8 \(in {workers} equal parts, {here} here\) takes "
        rf"{available_gib}.0 GiB, more than the {available_gib}.0 GiB .*; set it lower"
    )
    with pytest.raises(ValueError, match=message):
        require_memory(8.0, workers, here, available - 1)


def test_less_than_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match=r"holds no block of 2097152 bytes; set it higher"):
        host_blocks(cache_config(), BLOCK_BYTES / GIB, 2)
