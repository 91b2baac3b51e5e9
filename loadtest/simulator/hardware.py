"""What a machine with a model looks like to a scheduler: times and blocks."""

from dataclasses import dataclass
from pathlib import Path

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.cost_profile import read_profile

BLOCK_TOKENS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """One model on one machine.

    Attributes:
        cost: Times of iterations and copies, and the saturation point.
        device_blocks: Blocks of the KV cache.
        host_blocks: Blocks of the host pool.
        block_tokens: Tokens of a block.
        block_bytes: KV bytes of a block, over all GPUs; 0 when unknown.
    """

    cost: LinearCostModel
    device_blocks: int
    host_blocks: int
    block_tokens: int = BLOCK_TOKENS
    block_bytes: int = 0

    def __post_init__(self) -> None:
        for name in ("device_blocks", "host_blocks", "block_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is not positive")


def from_profile(
    path: Path, device_blocks: int, host_blocks: int, block_tokens: int = BLOCK_TOKENS
) -> Hardware:
    """A machine whose times were measured.

    Args:
        path: What ``infercept profile`` wrote, or a cost model in JSON
            (:meth:`LearnedCostModel.to_dict`).
        device_blocks: Blocks of the KV cache.
        host_blocks: Blocks of the host pool.
        block_tokens: Tokens of a block, those that the profile was measured with.

    Raises:
        ValueError: naming what the profile lacks.
    """
    return Hardware(
        cost=read_profile(path).cost_model(),
        device_blocks=device_blocks,
        host_blocks=host_blocks,
        block_tokens=block_tokens,
    )
