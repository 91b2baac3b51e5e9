"""What the scheduler asks of the workers, and what they answer: lists of block copies."""

from dataclasses import dataclass, field

from vllm.distributed.kv_transfer.kv_connector.v1.base import (
    KVConnectorMetadata,
    KVConnectorWorkerMetadata,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockCopy:
    """One copy of some blocks, the unit of progress.

    Attributes:
        copy_id: Names it in the answer.
        to_host: Device to host, or back.
        device_blocks: Block ids of vLLM's KV cache.
        host_blocks: As many indexes into the host pool.
    """

    copy_id: int
    to_host: bool
    device_blocks: tuple[int, ...]
    host_blocks: tuple[int, ...]


@dataclass(slots=True)
class CopyOrders(KVConnectorMetadata):
    """Copies to start with one iteration, before its forward pass.

    Attributes:
        copies: In the order in which they shall be made.
        wait: Whether the iteration waits until they have been made.
    """

    copies: list[BlockCopy] = field(default_factory=list)
    wait: bool = False


@dataclass(slots=True)
class CopyReports(KVConnectorWorkerMetadata):
    """Copies that have finished since the last iteration.

    Attributes:
        workers: Copy id to the number of workers that have made it.
        seconds: Copy id to the time that the slowest of them took.
    """

    workers: dict[int, int] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)

    def aggregate(self, other: KVConnectorWorkerMetadata) -> "CopyReports":
        """Joins the answer of another worker."""
        assert isinstance(other, CopyReports)
        for copy_id, count in other.workers.items():
            self.workers[copy_id] = self.workers.get(copy_id, 0) + count
        for copy_id, seconds in other.seconds.items():
            self.seconds[copy_id] = max(self.seconds.get(copy_id, 0.0), seconds)
        return self
