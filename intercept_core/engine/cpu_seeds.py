"""Seeded sampling on CPUs, of contexts that are computed in chunks.

vLLM's V1 model runner samples after every chunk, also where the context is not complete yet,
and sets a seeded request's generator back afterwards, by an offset that generators on CPUs do
not have: the engine ends (0.32.0). Recomputation of contexts comes in chunks, so any request
with a seed might end it. Here such a row draws without its generator, which then needs no
setting back.
"""

import functools
from typing import Any

import numpy as np

_INSTALLED = "intercept_cpu_seeds"


def install() -> None:
    """A plugin of vLLM's group ``vllm.general_plugins``: runs in all of its processes."""
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        from vllm.v1.worker.gpu_model_runner import GPUModelRunner

        spare_generators(GPUModelRunner)


def spare_generators(runner: type[Any]) -> None:
    """Changes the class of a model runner, once."""
    if hasattr(runner, _INSTALLED):
        return
    setattr(runner, _INSTALLED, {})
    sample, bookkeeping = runner._sample, runner._bookkeeping_sync

    @functools.wraps(sample)
    def sparing(self: Any, *args: Any, **kwargs: Any) -> Any:
        batch = self.input_batch
        incomplete = np.flatnonzero(self.discard_request_mask.np[: batch.num_reqs])
        spared = {row: batch.generators.pop(row, None) for row in incomplete.tolist()}
        setattr(self, _INSTALLED, {row: found for row, found in spared.items() if found})
        return sample(self, *args, **kwargs)

    @functools.wraps(bookkeeping)
    def restoring(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return bookkeeping(self, *args, **kwargs)
        finally:
            self.input_batch.generators.update(getattr(self, _INSTALLED))
            setattr(self, _INSTALLED, {})

    runner._sample, runner._bookkeeping_sync = sparing, restoring
