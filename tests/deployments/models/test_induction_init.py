"""The tiny model can copy before it is trained."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from deployments.models.induction_init import initialize


@pytest.mark.parametrize("gap", [0, 7])
def test_an_untrained_model_repeats_what_it_has_seen(gap: int) -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=500,
        hidden_size=128,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        head_dim=32,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
    )
    model = LlamaForCausalLM(config)
    initialize(model)
    tokens = torch.randperm(500)
    run, noise = tokens[:20], tokens[20 : 20 + gap]
    ids = torch.cat((run, noise, run))[None]
    with torch.inference_mode():
        said = model(ids).logits[0].argmax(-1)
    # Only from the second token of the repetition on is it plain what comes next.
    right = said[20 + gap : -1] == run[1:]
    assert right.float().mean() > 0.9
