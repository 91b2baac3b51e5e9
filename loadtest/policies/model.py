"""The benchmark's model: as large as a CPU serves at a bearable pace, and of no meaning."""

import json
from pathlib import Path

VOCABULARY = 4096

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": VOCABULARY,
    "hidden_size": 384,
    "intermediate_size": 1024,
    "num_hidden_layers": 6,
    "num_attention_heads": 6,
    "num_key_value_heads": 6,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
}
"""13.8 million parameters."""

KV_BYTES_PER_TOKEN = 2 * 6 * 384 * 4
"""Keys and values of six layers."""


def write_model(folder: Path) -> Path:
    """Writes the configuration alone: vLLM makes the weights up."""
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder
