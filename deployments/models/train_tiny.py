"""Trains a Llama of one million parameters to call tools: ``python -m`` this module."""

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from augment_workers.training import Course, begin, training_parser
from deployments.models.batches import packed, padded
from deployments.models.dialogue import Dialogue
from deployments.models.dialogues import TINY_MIX, sample
from deployments.models.encoding import IGNORED, DialogueEncoder
from deployments.models.induction_init import initialize
from deployments.models.markup import CHAT_TEMPLATE_FILE, TEXT_END, TURN_END
from deployments.models.muon import Muon
from deployments.models.tiny import WEIGHTS_DIR
from deployments.models.tiny_tokenizer import train_tokenizer

logger = logging.getLogger(__name__)

WIDTH, LAYERS, HEAD_WIDTH = 128, 4, 32
MAX_POSITIONS = 2048
ROPE_THETA = 1e6
"""Slow enough that most rotary planes compare contents at any distance."""

WARMUP_STEPS = 50
FLAT_SHARE = 0.4
"""Share of the steps at the peak rate; then it falls linearly."""

LOWEST_SHARE = 0.02
"""Of the peak rate, at the end."""

SAVE_EVERY_STEPS = 100
BATCH_TOKENS = 2048
MAX_TOKENS = 1536
TOKENIZER_DIALOGUES = 8000


def main(argv: Sequence[str] | None = None) -> None:
    """Trains tokenizer and model, then writes both to ``--out``."""
    parser = training_parser(__doc__, WEIGHTS_DIR)
    parser.add_argument("--resume", type=Path, help="a trained folder to go on from")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="at its peak")
    parser.add_argument("--steps", type=int, default=4000)
    options = parser.parse_args(argv)
    rng = begin(options)
    if options.resume:
        tokenizer = AutoTokenizer.from_pretrained(options.resume)
        model = LlamaForCausalLM.from_pretrained(
            options.resume, dtype=torch.float32, attn_implementation="eager"
        )
    else:
        drawn = (sample(rng, "train", TINY_MIX) for _ in range(TOKENIZER_DIALOGUES))
        tokenizer = train_tokenizer(text for made in drawn for text in _texts(made))
        model = build_model(tokenizer)
    logger.info("%d parameters", sum(p.numel() for p in model.parameters()))
    tokenizer.chat_template = None
    tokenizer.save_pretrained(options.out)
    tokenizer.chat_template = CHAT_TEMPLATE_FILE.read_text()
    train(model, tokenizer, rng, options)
    save(model, options.out)


def build_model(tokenizer: PreTrainedTokenizerBase) -> LlamaForCausalLM:
    """An untrained Llama that can copy."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=WIDTH * 8 // 3 // 64 * 64,
        num_hidden_layers=LAYERS,
        num_attention_heads=WIDTH // HEAD_WIDTH,
        num_key_value_heads=WIDTH // HEAD_WIDTH,
        head_dim=HEAD_WIDTH,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids(TURN_END),
        pad_token_id=tokenizer.convert_tokens_to_ids(TEXT_END),
        # On CPUs faster than the fused kernels for sequences this short.
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config)
    initialize(model)
    return model


def train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    rng: Random,
    options: argparse.Namespace,
) -> None:
    """Runs ``options.steps`` steps: Muon for the matrices, AdamW for embeddings and norms."""
    matrices = _matrices(model)
    known = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in known]
    optimizers: list[torch.optim.Optimizer] = [
        Muon(matrices, weight_decay=0.05),
        torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    encoder = DialogueEncoder(tokenizer)
    dialogues = packed(
        lambda: encoder.encode(sample(rng, "train", TINY_MIX)),
        rng,
        pool=256,
        batch_tokens=BATCH_TOKENS,
        max_tokens=MAX_TOKENS,
    )
    pad_id = tokenizer.convert_tokens_to_ids(TEXT_END)
    course = Course(
        optimizers,
        peak_lr=options.learning_rate,
        steps=options.steps,
        warmup_steps=WARMUP_STEPS,
        flat_share=FLAT_SHARE,
        lowest_share=LOWEST_SHARE,
        log_every=50,
    )
    for step in course:
        examples = next(dialogues)
        ids, labels = padded(examples, pad_id)
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
        counted = labels[:, 1:] != IGNORED
        logits = model.lm_head(hidden[counted])
        loss = torch.nn.functional.cross_entropy(logits, labels[:, 1:][counted])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        course.saw(loss.item(), sum(len(example.ids) for example in examples))
        if step % SAVE_EVERY_STEPS == 0:
            save(model, options.out)


def save(model: LlamaForCausalLM, folder: Path) -> None:
    """Writes the configuration and the weights in bfloat16."""
    model.config.dtype = torch.bfloat16
    model.config.save_pretrained(folder)
    weights = {
        name: weight.detach().bfloat16()
        for name, weight in model.state_dict().items()
        if name != "lm_head.weight"  # Tied to the embeddings.
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _texts(made: Dialogue) -> Iterator[str]:
    """What the turns of ``made`` say, without tags."""
    for message in made.messages:
        yield message["content"]
    for call in made.calls:
        yield json.dumps(call)


def _matrices(model: LlamaForCausalLM) -> list[torch.nn.Parameter]:
    return [p for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name]


if __name__ == "__main__":
    main()
