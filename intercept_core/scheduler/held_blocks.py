"""Device blocks of parked contexts, each counted once."""

from collections.abc import Callable, Iterable


class HeldBlocks:
    """How many parked contexts hold each block: those with one prefix share its blocks."""

    def __init__(self) -> None:
        self._holders: dict[int, int] = {}

    def __len__(self) -> int:
        """Different blocks."""
        return len(self._holders)

    def add(self, block_ids: Iterable[int]) -> None:
        """Counts one more holder of each block."""
        holders = self._holders
        for block_id in block_ids:
            holders[block_id] = holders.get(block_id, 0) + 1

    def remove(self, block_ids: Iterable[int]) -> None:
        """Counts one holder less of each block."""
        holders = self._holders
        for block_id in block_ids:
            if (left := holders[block_id] - 1) > 0:
                holders[block_id] = left
            else:
                del holders[block_id]

    def alone(self, references: Callable[[int], int]) -> int:
        """Blocks that nobody but parked contexts holds: what is free when they all go.

        Args:
            references: How many requests hold a block in all.
        """
        return sum(references(block) == holders for block, holders in self._holders.items())
