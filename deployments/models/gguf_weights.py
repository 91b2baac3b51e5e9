"""Reads a Llama model out of a GGUF file, in the names and shapes of Hugging Face.

The ``gguf`` package dequantizes. transformers can do all of this too, but parses the file's
vocabulary three times over: a minute in place of a quarter.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from gguf import GGUFReader
from gguf.quants import dequantize

_TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class GgufLlama:
    """A Llama model in a GGUF file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._reader = GGUFReader(path)

    def config(self) -> dict[str, Any]:
        """The model's ``config.json``."""
        width, heads = self._field("embedding_length"), self._field("attention.head_count")
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self._field("vocab_size"),
            "hidden_size": width,
            "intermediate_size": self._field("feed_forward_length"),
            "num_hidden_layers": self._field("block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": self._field("attention.head_count_kv"),
            "head_dim": width // heads,
            "max_position_embeddings": self._field("context_length"),
            "rms_norm_eps": self._field("attention.layer_norm_rms_epsilon"),
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": self._field("rope.freq_base"),
            },
            "hidden_act": "silu",
            "tie_word_embeddings": True,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 2,
            "dtype": "bfloat16",
        }

    def weights(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Every parameter's name and its float32 tensor."""
        heads = {
            "attn_q": self._field("attention.head_count"),
            "attn_k": self._field("attention.head_count_kv"),
        }
        for tensor in self._reader.tensors:
            weight = torch.tensor(dequantize(tensor.data, tensor.tensor_type))
            part = tensor.name.removesuffix(".weight")
            if not part.startswith("blk."):
                yield f"{_TOP[part]}.weight", weight
                continue
            _, block, part = part.split(".")
            if part in heads:
                weight = _unpermuted(weight, heads[part])
            yield f"model.layers.{block}.{_BLOCK[part]}.weight", weight

    def _field(self, name: str) -> Any:
        return self._reader.fields[f"llama.{name}"].contents()


def _unpermuted(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """GGUF interleaves the two halves that rotary embeddings turn; Hugging Face does not."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, rows // heads // 2, 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)
