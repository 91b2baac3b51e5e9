"""The machines and models of the paper's evaluation.

Two iteration times are InferCept's own, from its released code: GPT-J-6B on one A100 takes
10 ms and 46.3 us a query token, Vicuna-13B on two 15.4 ms and 27.9 us. They know nothing of the
contexts behind the queries, nor of other machines; the rest is a roofline whose efficiency
comes from the GPT-J figures:

* fixed part: the weights are read once, at the share of peak bandwidth that lets GPT-J's
  12.1 GB take 10 ms (78 %), plus two all-reduces a layer where a model is split;
* query token: two operations a weight, at the rate at which GPT-J's take 46.3 us (262 TFLOP/s
  of 312), plus the bytes of the all-reduces;
* context token: its keys and values are read once, at the same share of bandwidth. This is
  added to the paper's two as well: without it a full cache would cost nothing to read, and it
  takes longer than the weights.

Vicuna's 27.9 us would need 466 TFLOP/s of each GPU, more than an A100 has: it was fitted where
batches are small. It is kept, and flatters recomputation; on one GPU the roofline says 99 us.

Copies go at 25 GB/s a GPU, each way. The KV cache is what 90 % of the memory leaves beside the
weights and 2 GB a GPU of activations; the saturation point is the paper's 384 tokens.
"""

from dataclasses import dataclass

from intercept_core.policy.cost_model import LinearCostModel
from loadtest.simulator.hardware import BLOCK_TOKENS, Hardware

GB = 10**9
US = 1e-6
COPY_BYTES_PER_S = 25 * GB
SATURATION_TOKENS = 384
HOST_GB = 128
USED_SHARE = 0.9
ACTIVATION_BYTES = 2 * GB
BANDWIDTH_SHARE = 0.78
FLOP_PER_S = 262e12
ALL_REDUCE_S = 20 * US
NVLINK_BYTES_PER_S = 200 * GB


@dataclass(frozen=True, slots=True)
class Model:
    """A transformer in half precision.

    Attributes:
        weights: Parameters.
        layers: Layers.
        kv_heads: Heads of keys and values in a layer.
        head: Size of a head.
        hidden: Size of the hidden state.
    """

    weights: float
    layers: int
    kv_heads: int
    head: int
    hidden: int

    @property
    def token_bytes(self) -> int:
        """KV bytes of a token: keys and values, two bytes each."""
        return 2 * self.layers * self.kv_heads * self.head * 2

    @property
    def weight_bytes(self) -> float:
        """Bytes of the weights."""
        return 2 * self.weights


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU.

    Attributes:
        memory_bytes: Its memory.
        bytes_per_s: Peak bandwidth of that memory.
    """

    memory_bytes: float
    bytes_per_s: float


A100_40GB = Gpu(40 * GB, 1555 * GB)
A100_80GB = Gpu(80 * GB, 2039 * GB)

GPT_J_6B = Model(6.05e9, 28, 16, 256, 4096)
VICUNA_13B = Model(13.0e9, 40, 40, 128, 5120)
LLAMA_3_70B = Model(70.6e9, 80, 8, 128, 8192)


@dataclass(frozen=True, slots=True)
class Machine:
    """A model on some equal GPUs.

    Attributes:
        model: The model, split evenly.
        gpu: Each GPU.
        gpus: How many.
        measured: Fixed time and time of a query token, where they are known; else the roofline.
    """

    model: Model
    gpu: Gpu
    gpus: int = 1
    measured: tuple[float, float] | None = None

    def hardware(self, host_gb: float = HOST_GB) -> Hardware:
        """What the scheduler sees of it, with ``host_gb`` of host memory for contexts.

        Raises:
            ValueError: if that holds not even one block.
        """
        block_bytes = self.model.token_bytes * BLOCK_TOKENS
        if host_gb * GB < block_bytes:
            raise ValueError(
                f"--host-gb {host_gb:g}: one block takes {block_bytes / GB:.2g} GB; give more"
            )
        block_copy_s = block_bytes / (COPY_BYTES_PER_S * self.gpus)
        iteration_s, token_s = self.measured or self._roofline()
        cache_bytes = self.gpus * (USED_SHARE * self.gpu.memory_bytes - ACTIVATION_BYTES)
        cache_bytes -= self.model.weight_bytes
        return Hardware(
            cost=LinearCostModel(
                iteration_s=iteration_s,
                token_s=token_s,
                context_token_s=self.model.token_bytes / self._bytes_per_s,
                block_out_s=block_copy_s,
                block_in_s=block_copy_s,
                saturation_tokens=SATURATION_TOKENS,
            ),
            device_blocks=int(cache_bytes // block_bytes),
            host_blocks=int(host_gb * GB // block_bytes),
            block_bytes=block_bytes,
        )

    @property
    def _bytes_per_s(self) -> float:
        return BANDWIDTH_SHARE * self.gpu.bytes_per_s * self.gpus

    def _roofline(self) -> tuple[float, float]:
        model = self.model
        reduces = 2 * model.layers if self.gpus > 1 else 0
        reduced_bytes = reduces * 2 * model.hidden
        return (
            model.weight_bytes / self._bytes_per_s + reduces * ALL_REDUCE_S,
            2 * model.weights / (FLOP_PER_S * self.gpus) + reduced_bytes / NVLINK_BYTES_PER_S,
        )


_GPT_J_S = (10e-3, 46.3 * US)

MACHINES = {
    "gptj-6b-a100-40gb": Machine(GPT_J_6B, A100_40GB, measured=_GPT_J_S),
    "gptj-6b-a100-80gb": Machine(GPT_J_6B, A100_80GB, measured=_GPT_J_S),
    "vicuna-13b-a100-80gb": Machine(VICUNA_13B, A100_80GB),
    "vicuna-13b-2xa100-80gb": Machine(VICUNA_13B, A100_80GB, 2, measured=(15.4e-3, 27.9 * US)),
    "llama3-70b-4xa100-80gb": Machine(LLAMA_3_70B, A100_80GB, 4),
}
"""Names of ``--hardware``."""
