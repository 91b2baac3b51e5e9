"""The host's memory for contexts: how many blocks it holds, and which are free."""

from collections.abc import Iterable

from vllm.v1.kv_cache_interface import KVCacheConfig

GIB = 2**30


class HostPool:
    """Hands out the indexes of host blocks.

    Attributes:
        size: Blocks in all.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._free = list(range(size - 1, -1, -1))
        self._taken: set[int] = set()

    @property
    def free(self) -> int:
        """Blocks that can be taken."""
        return len(self._free)

    def take(self, count: int) -> list[int]:
        """Takes ``count`` blocks, of which there must be as many."""
        assert 0 < count <= len(self._free), f"{count} of {len(self._free)} free host blocks"
        taken = self._free[-count:]
        del self._free[-count:]
        self._taken.update(taken)
        return taken

    def give_back(self, blocks: Iterable[int]) -> None:
        """Returns blocks that were taken."""
        for block in blocks:
            assert block in self._taken, f"host block {block} is given back but was not taken"
            self._taken.remove(block)
            self._free.append(block)


def bytes_per_block(config: KVCacheConfig) -> int:
    """Bytes of one block over all layers of one worker."""
    return sum(tensor.size for tensor in config.kv_cache_tensors) // config.num_blocks


def require_memory(
    host_memory_gib: float, workers: int, workers_here: int, available_bytes: int
) -> None:
    """For workers of one machine that are about to take their shares of ``host_memory_gib``.

    Args:
        host_memory_gib: Of the replica.
        workers: That share it.
        workers_here: That share the machine: all of the replica's, some, or others' too.
        available_bytes: What the machine has free.

    Raises:
        ValueError: if the shares together are more than that.
    """
    here_gib = host_memory_gib / workers * workers_here
    if here_gib * GIB > available_bytes:
        raise ValueError(
            f"host_memory_gib: {host_memory_gib:g} (in {workers} equal parts, {workers_here} "
            f"here) takes {here_gib:.1f} GiB, more than the {available_bytes / GIB:.1f} GiB of "
            "memory that this machine or its container has free; set it lower"
        )


def host_blocks(config: KVCacheConfig, host_memory_gib: float, workers: int) -> int:
    """Blocks that fit into ``host_memory_gib`` when ``workers`` share it.

    Raises:
        ValueError: if that is not a single block.
    """
    wanted = host_memory_gib * GIB
    block_bytes = bytes_per_block(config) * workers
    blocks = int(wanted // block_bytes)
    if not blocks:
        raise ValueError(
            f"host_memory_gib: {host_memory_gib:g} holds no block of {block_bytes} bytes; "
            "set it higher"
        )
    return blocks
