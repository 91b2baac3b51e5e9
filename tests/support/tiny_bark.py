"""A Bark of a million random weights: it babbles, through all the code of a real one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BarkConfig, BarkModel, BarkProcessor, BertTokenizer, EncodecConfig

VOICE = "v2/en_speaker_6"

SEMANTIC_TOKENS = 12
"""Of every piece: where random weights end, chance would decide."""

GENERATION_CONFIG = {
    "model_type": "bark",
    "sample_rate": 24000,
    "codebook_size": 1024,
    "semantic_config": {
        "do_sample": True,
        "max_new_tokens": SEMANTIC_TOKENS,
        "min_new_tokens": SEMANTIC_TOKENS,
    },
    "coarse_acoustics_config": {
        "do_sample": True,
        "max_coarse_history": 60,
        "sliding_window_len": 30,
    },
    "fine_acoustics_config": {
        "temperature": 0.5,
        "max_fine_history_length": 16,
        "max_fine_input_length": 32,
    },
}


def make_tiny_bark(folder: Path) -> Path:
    """Writes the model as a folder that ``from_pretrained`` reads; gives the folder."""
    torch.manual_seed(0)
    transformer: dict[str, Any] = {"num_layers": 1, "num_heads": 1, "hidden_size": 8}
    codec = EncodecConfig(
        num_filters=2,
        hidden_size=8,
        num_lstm_layers=1,
        codebook_dim=8,
        target_bandwidths=[6.0],
    )
    config = BarkConfig(
        semantic_config={
            "input_vocab_size": 129_600,
            "output_vocab_size": 10_048,
            **transformer,
        },
        coarse_acoustics_config={
            "input_vocab_size": 12_096,
            "output_vocab_size": 12_096,
            **transformer,
        },
        fine_acoustics_config={
            "input_vocab_size": 1056,
            "output_vocab_size": 1056,
            "n_codes_total": 8,
            "n_codes_given": 1,
            **transformer,
        },
        codec_config=codec.to_dict(),
    )
    BarkModel(config).save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps(GENERATION_CONFIG))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(words))
    BarkProcessor(BertTokenizer(str(vocabulary))).save_pretrained(folder)
    _add_voice(folder)
    return folder


def _add_voice(folder: Path) -> None:
    """One preset, laid out as on the hub."""
    random = np.random.default_rng(0)
    prompts = {
        "semantic_prompt": random.integers(0, 10_000, 40),
        "coarse_prompt": random.integers(0, 1024, (2, 60)),
        "fine_prompt": random.integers(0, 1024, (8, 60)),
    }
    paths = {}
    for name, prompt in prompts.items():
        paths[name] = f"speaker_embeddings/{VOICE}_{name}.npy"
        file = folder / paths[name]
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, prompt)
    index = {"repo_or_path": str(folder), VOICE: paths}
    (folder / "speaker_embeddings_path.json").write_text(json.dumps(index))
