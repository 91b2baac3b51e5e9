"""What a machine with a model looks like to a scheduler: times and blocks."""

import json
from dataclasses import dataclass
from pathlib import Path

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.cost_profile import REMEDY, read_profile

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
    path: Path, device_blocks: int, host_blocks: int, block_tokens: int | None = None
) -> Hardware:
    """A machine whose times were measured.

    Args:
        path: What ``infercept profile`` wrote, or a cost model in JSON
            (:meth:`LearnedCostModel.to_dict`).
        device_blocks: Blocks of the KV cache.
        host_blocks: Blocks of the host pool.
        block_tokens: Tokens of a block, if the file does not say; then 16 by default.

    Raises:
        ValueError: naming what the profile lacks, or what contradicts it.
    """
    return Hardware(
        cost=read_profile(path).cost_model(),
        device_blocks=device_blocks,
        host_blocks=host_blocks,
        block_tokens=_block_tokens(path, block_tokens),
    )


def _block_tokens(path: Path, wanted: int | None) -> int:
    """The size of the blocks whose copies were timed: with another, their times are wrong."""
    measured = json.loads(path.read_text(encoding="utf-8")).get("block_tokens")
    if measured is None:
        return wanted or BLOCK_TOKENS
    if not isinstance(measured, int) or measured < 1:
        raise ValueError(
            f"{path}: block_tokens = {measured!r}: not a positive whole number; {REMEDY}"
        )
    if wanted not in (None, measured):
        raise ValueError(
            f"--block-tokens {wanted}: {path} was measured with block_tokens = {measured}; "
            "leave the option out, or measure again"
        )
    return measured
