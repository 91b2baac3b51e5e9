"""Whatever the layout, the regions are the cache's own memory, each byte once."""

import pytest
import torch
from vllm.v1.kv_cache_interface import (
    FullAttentionSpec,
    KVCacheConfig,
    KVCacheGroupSpec,
    KVCacheTensor,
)

from intercept_core.swap.regions import block_regions, host_regions

BLOCKS, PAGE = 6, 32
LAYERS = ["a", "b", "c"]


def config(*tensors: KVCacheTensor) -> KVCacheConfig:
    spec = FullAttentionSpec(block_size=4, num_kv_heads=1, head_size=1, dtype=torch.float32)
    return KVCacheConfig(BLOCKS, list(tensors), [KVCacheGroupSpec(LAYERS, spec)])


def layers_apart() -> tuple[KVCacheConfig, torch.Tensor]:
    """Layer after layer in one storage, in each of which a block is a page."""
    size = len(LAYERS) * BLOCKS * PAGE
    tensor = KVCacheTensor(
        size=size, layers=LAYERS, layer_stride=BLOCKS * PAGE, block_stride=PAGE
    )
    return config(tensor), torch.zeros(size, dtype=torch.int8)


def layers_in_a_block() -> tuple[KVCacheConfig, torch.Tensor]:
    """Block after block in one storage, each with a page of every layer."""
    size = len(LAYERS) * BLOCKS * PAGE
    tensor = KVCacheTensor(
        size=size, layers=LAYERS, layer_stride=PAGE, block_stride=len(LAYERS) * PAGE
    )
    return config(tensor), torch.zeros(size, dtype=torch.int8)


@pytest.mark.parametrize("layout", [layers_apart, layers_in_a_block])
def test_regions_cover_the_storage_once(layout) -> None:  # type: ignore[no-untyped-def]
    placed, storage = layout()
    regions = block_regions(placed, {name: storage for name in LAYERS})
    assert sum(region.numel() for region in regions) == storage.numel()
    for region in regions:
        assert region.shape[0] == BLOCKS
        region += 1
    assert storage.eq(1).all()


def test_each_layer_has_its_region_where_layers_are_apart() -> None:
    placed, storage = layers_apart()
    regions = block_regions(placed, {"b": storage})
    assert len(regions) == len(LAYERS)
    assert {region.shape for region in regions} == {(BLOCKS, PAGE)}


def test_a_block_is_one_row_where_it_holds_all_layers() -> None:
    placed, storage = layers_in_a_block()
    (region,) = block_regions(placed, {"a": storage})
    region[2] = 7
    assert storage.view(BLOCKS, -1).eq(7).all(dim=1).tolist() == [i == 2 for i in range(BLOCKS)]


def test_a_storage_of_several_layers_is_taken_once() -> None:
    placed, storage = layers_in_a_block()
    (tensor,) = placed.kv_cache_tensors
    twice = config(tensor, tensor)
    assert len(block_regions(twice, {name: storage for name in LAYERS})) == 1


def test_other_workers_layers_are_left_aside() -> None:
    placed, storage = layers_apart()
    elsewhere = KVCacheTensor(
        size=BLOCKS * PAGE, layers=["z"], layer_stride=BLOCKS * PAGE, block_stride=PAGE
    )
    regions = block_regions(config(*placed.kv_cache_tensors, elsewhere), {"a": storage})
    assert len(regions) == len(LAYERS)


def test_a_cache_of_several_tensors_is_found_by_its_first() -> None:
    placed, storage = layers_apart()
    half = storage.numel() // 2
    regions = block_regions(placed, {"a": [storage[:half], storage[half:]]})
    assert regions[0].data_ptr() == storage.data_ptr()


@pytest.mark.parametrize("pins", [False, True])
def test_the_host_has_rows_of_the_device_s_sizes(pins: bool) -> None:
    device = [torch.ones(BLOCKS, size, dtype=torch.int8) for size in (PAGE, 3 * PAGE)]
    pinned: list[torch.Tensor] = []
    host = host_regions(device, 2, pinned.append if pins else None)
    assert [tuple(rows.shape) for rows in host] == [(2, PAGE), (2, 3 * PAGE)]
    assert all(rows.dtype == torch.int8 and not rows.any() for rows in host)
    assert [rows.data_ptr() for rows in pinned] == [rows.data_ptr() for rows in host] * pins
