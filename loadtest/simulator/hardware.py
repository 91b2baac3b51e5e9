"""Machines and models of the paper's evaluation, as far as a scheduler can tell them apart.

Iteration times of GPT-J-6B on one A100 and of Vicuna-13B on two are the coefficients of
InferCept's released code; the others are scaled from them by weights (fixed part: reading the
weights once) and by floating point operations a token (slope), each divided among the GPUs.
Copies go at 25 GB/s a GPU. The KV cache is what 90 % of the memory leaves beside the weights
and 2 GB a GPU of activations.
"""

from collections.abc import Mapping
from dataclasses import dataclass

GB = 1e9
BANDWIDTH_B_PER_S = 25 * GB
SATURATION_TOKENS = 384


@dataclass(frozen=True, slots=True)
class Hardware:
    """One model on one machine.

    Attributes:
        iteration_s: Fixed part of an iteration.
        token_s: Part of each query token.
        token_bytes: KV bytes of a token, over all GPUs.
        cache_bytes: Device memory for the KV cache, over all GPUs.
        gpus: How many share the cache and copy at the same time.
        context_token_s: Part of each token of context.
        host_bytes: Host memory for contexts.
        saturation_tokens: S.
    """

    iteration_s: float
    token_s: float
    token_bytes: int
    cache_bytes: float
    gpus: int = 1
    context_token_s: float = 0.0
    host_bytes: float = 128 * GB
    saturation_tokens: int = SATURATION_TOKENS

    def forward_s(self, query_tokens: int, context_tokens: int) -> float:
        """Time of one iteration."""
        return (
            self.iteration_s
            + self.token_s * query_tokens
            + self.context_token_s * context_tokens
        )

    def block_copy_s(self, block_tokens: int) -> float:
        """Time to copy one block one way."""
        return self.token_bytes * block_tokens / (BANDWIDTH_B_PER_S * self.gpus)

    def device_blocks(self, block_tokens: int) -> int:
        """Blocks of the KV cache."""
        return int(self.cache_bytes // (self.token_bytes * block_tokens))

    def host_blocks(self, block_tokens: int) -> int:
        """Blocks of the host pool."""
        return int(self.host_bytes // (self.token_bytes * block_tokens))


def _kv_bytes(layers: int, kv_heads: int, head: int) -> int:
    return 2 * layers * kv_heads * head * 2  # keys and values, two bytes each


def _cache(gpus: int, memory_gb: float, weights_gb: float) -> float:
    return (gpus * (0.9 * memory_gb - 2) - weights_gb) * GB


_GPTJ = _kv_bytes(28, 16, 256)
_VICUNA = _kv_bytes(40, 40, 128)
_LLAMA3 = _kv_bytes(80, 8, 128)

HARDWARE: Mapping[str, Hardware] = {
    "gptj-6b-a100-40gb": Hardware(10e-3, 46.3e-6, _GPTJ, _cache(1, 40, 12.1)),
    "gptj-6b-a100-80gb": Hardware(10e-3, 46.3e-6, _GPTJ, _cache(1, 80, 12.1)),
    "vicuna-13b-a100": Hardware(26e-3, 55.8e-6, _VICUNA, _cache(1, 80, 26)),
    "vicuna-13b-2xa100": Hardware(15.4e-3, 27.9e-6, _VICUNA, _cache(2, 80, 26), gpus=2),
    "llama3-70b-4xa100": Hardware(34e-3, 75e-6, _LLAMA3, _cache(4, 80, 141), gpus=4),
}
