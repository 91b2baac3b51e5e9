"""Fine-tunes SmolLM2-135M-Instruct by LoRA to call tools: ``python -m`` this module.

The base model's vocabulary holds unused tokens for source-code corpora; four of them become
the tags of tool calls, so that each tag is one token and no table grows.
"""

import argparse
import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random

import torch
from transformers import PreTrainedTokenizerBase

from augment_workers.training import Course, begin, training_parser
from deployments.models.batches import packed, padded
from deployments.models.dialogues import GENERATORS, SMOLLM2_MIX, sample
from deployments.models.encoding import DialogueEncoder
from deployments.models.lora_model import LoraModel, write_tokenizer
from deployments.models.markup import TURN_END
from deployments.models.smollm2 import ADAPTER_DIR

WARMUP_STEPS = 10
SAVE_EVERY_STEPS = 50
MAX_TOKENS = 1200
BATCH_TOKENS = 600
BATCHES = 3
"""Of similar length each, together in one step: games and questions in most steps."""


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, then writes the adapter and the tokenizer to ``--out``."""
    parser = training_parser(__doc__, ADAPTER_DIR)
    parser.add_argument("--resume", type=Path, help="an adapter to go on from")
    parser.add_argument(
        "--share",
        nargs="+",
        type=_share,
        default=[],
        metavar="KIND=SHARE",
        help="more or less of a kind than in the usual mixture, e.g. calculator=0.5",
    )
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--minutes", type=float, default=math.inf, help="end by the clock")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="at its peak")
    parser.add_argument(
        "--bfloat16",
        action=argparse.BooleanOptionalAction,
        # Five times as fast as float32 where there are instructions for it, slower elsewhere.
        default=torch.cpu.get_capabilities().get("avx512_bf16", False),
        help="by default where the CPU has instructions for it",
    )
    options = parser.parse_args(argv)
    rng = begin(options)
    tokenizer = write_tokenizer(options.out)
    model = LoraModel(options.resume, bfloat16=options.bfloat16)
    train(model, tokenizer, rng, options)
    model.save(options.out)


def _share(text: str) -> tuple[str, float]:
    kind, _, share = text.partition("=")
    if kind not in GENERATORS:
        raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(GENERATORS)}")
    return kind, float(share)


def train(
    model: LoraModel,
    tokenizer: PreTrainedTokenizerBase,
    rng: Random,
    options: argparse.Namespace,
) -> None:
    """Runs ``options.steps`` steps of AdamW with a linear decay, saving now and then."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, betas=(0.9, 0.98), weight_decay=0.0)
    encoder = DialogueEncoder(tokenizer)
    mix = {**SMOLLM2_MIX, **dict(options.share)}
    batches = packed(
        lambda: encoder.encode(sample(rng, "train", mix)),
        rng,
        pool=128,
        batch_tokens=BATCH_TOKENS,
        max_tokens=MAX_TOKENS,
    )
    pad_id = tokenizer.convert_tokens_to_ids(TURN_END)
    course = Course(
        [optimizer],
        peak_lr=options.learning_rate,
        steps=options.steps,
        warmup_steps=WARMUP_STEPS,
        limit_s=60 * options.minutes,
        log_every=5,
    )
    for step in course:
        mean_loss, tokens = 0.0, 0
        for examples in islice(batches, BATCHES):
            loss = model.loss(*padded(examples, pad_id)) / BATCHES
            loss.backward()
            mean_loss += loss.item()
            tokens += sum(len(example.ids) for example in examples)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        course.saw(mean_loss, tokens)
        if step % SAVE_EVERY_STEPS == 0:
            model.save(options.out)


if __name__ == "__main__":
    main()
