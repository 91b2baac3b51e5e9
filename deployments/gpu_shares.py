"""Numbers of GPUs that Ray can give, and that vLLM then uses."""

from collections.abc import Mapping
from typing import Any

_VLLM_MEMORY_SHARE = 0.9
"""vLLM's own default of ``gpu_memory_utilization``."""


def whole_or_share(number: float) -> float:
    """Refuses what is neither a share of one GPU nor whole ones.

    Raises:
        ValueError: saying what can be given.
    """
    if number > 1 and number != int(number):
        raise ValueError("share one GPU (a fraction below 1), or take whole ones (1, 2, ...)")
    return number


def check_gpus(engine: Mapping[str, Any], num_gpus: float) -> None:
    """Refuses an engine that would use other GPUs than it is given, or more of one.

    Args:
        engine: vLLM's arguments.
        num_gpus: What its replica takes; 0 for CPUs.

    Raises:
        ValueError: naming the fields of both sides.
    """
    if num_gpus == 0:
        return
    tensor = engine.get("tensor_parallel_size")
    stages = engine.get("pipeline_parallel_size", 1)
    if num_gpus < 1:
        _check_share(engine, num_gpus, (tensor or 1) * stages)
    elif num_gpus % stages or tensor not in (None, num_gpus // stages):
        raise ValueError(
            f"num_gpus: {num_gpus:g} is not engine.tensor_parallel_size "
            f"({tensor or 'not given'}) times engine.pipeline_parallel_size ({stages}); make "
            "them agree, or leave the former out"
        )


def _check_share(engine: Mapping[str, Any], num_gpus: float, parts: int) -> None:
    if parts > 1:
        raise ValueError(
            f"num_gpus: a share of one GPU ({num_gpus:g}) holds no engine in parts; take whole "
            "ones, or drop engine.tensor_parallel_size and engine.pipeline_parallel_size"
        )
    memory = engine.get("gpu_memory_utilization", _VLLM_MEMORY_SHARE)
    if memory > num_gpus:
        raise ValueError(
            f"num_gpus: {num_gpus:g} of a GPU, of whose memory the engine takes "
            f"{memory:g}; lower engine.gpu_memory_utilization to {num_gpus:g}, or others on "
            "this GPU run out of memory"
        )
