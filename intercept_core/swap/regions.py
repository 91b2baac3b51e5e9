"""The KV cache as plain bytes: a row a block."""

from collections.abc import Callable

import torch
from vllm.v1.kv_cache_interface import KVCacheConfig

Caches = dict[str, torch.Tensor | list[torch.Tensor]]


def block_regions(config: KVCacheConfig, caches: Caches) -> list[torch.Tensor]:
    """Views of the cache's storage, which together cover it once.

    Args:
        config: Where vLLM has placed each layer.
        caches: What vLLM registers: layer name to its cache.

    Returns:
        int8 tensors of shape (blocks, bytes of a block in this region).
    """
    regions: dict[int, torch.Tensor] = {}
    for placed in config.kv_cache_tensors:
        name = next((name for name in placed.layers if name in caches), None)
        if name is None:
            continue
        cache = caches[name]
        storage = (cache[0] if isinstance(cache, list) else cache).untyped_storage()
        flat = torch.empty(0, dtype=torch.int8, device=storage.device).set_(storage)
        span = config.num_blocks * placed.block_stride
        if placed.layer_stride >= span:  # each layer has a region of its own
            first, size = placed.offset, len(placed.layers) * placed.layer_stride
        else:  # a block holds all layers
            first, size = 0, span
        rows = flat[first : first + size].view(-1, config.num_blocks, placed.block_stride)
        for region in rows:
            regions.setdefault(region.data_ptr(), region)
    return list(regions.values())


def host_regions(
    device: list[torch.Tensor], blocks: int, pin: Callable[[torch.Tensor], None] | None
) -> list[torch.Tensor]:
    """Room on the host for ``blocks`` blocks of the device's regions.

    Args:
        device: See :func:`block_regions`.
        blocks: Rows of each.
        pin: Fixes a tensor in memory, for copies by a GPU. Tensors that PyTorch pins itself
            (``pin_memory=True``) take up to twice their size, the next power of two.
    """
    regions = []
    for region in device:
        rows = torch.empty(blocks, region.shape[1], dtype=torch.int8)
        rows.fill_(0)  # so that the machine gives the memory now, or not at all
        if pin is not None:
            pin(rows)
        regions.append(rows)
    return regions
