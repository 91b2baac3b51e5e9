"""Fine-tunes SmolLM2-135M-Instruct by LoRA to call tools: ``python -m`` this module.

The base model's vocabulary holds unused tokens for source-code corpora; four of them become
the tags of tool calls, so that each tag is one token and no table grows.
"""

import argparse
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from transformers import PreTrainedTokenizerBase

from deployments.models.batches import packed, padded
from deployments.models.dialogues import SMOLLM2_MIX, sample
from deployments.models.encoding import DialogueEncoder
from deployments.models.lora_model import LoraModel, write_tokenizer
from deployments.models.markup import TURN_END
from deployments.models.smollm2 import ADAPTER_DIR

logger = logging.getLogger(__name__)

WARMUP_STEPS = 6
LOWEST_SHARE = 0.03
"""Of the peak rate, at the end."""

SAVE_EVERY_STEPS = 20
MAX_TOKENS = 1200
BATCH_TOKENS = 600


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, then writes the adapter and the tokenizer to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ADAPTER_DIR)
    parser.add_argument("--resume", type=Path, help="an adapter to go on from")
    parser.add_argument("--steps", type=int, default=640)
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="at its peak")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer = write_tokenizer(options.out)
    model = LoraModel(options.resume)
    train(model, tokenizer, Random(options.seed), options)


def train(
    model: LoraModel,
    tokenizer: PreTrainedTokenizerBase,
    rng: Random,
    options: argparse.Namespace,
) -> None:
    """Runs ``options.steps`` steps of AdamW with a linear decay, saving now and then."""
    steps, peak_lr = options.steps, options.learning_rate
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=peak_lr, betas=(0.9, 0.98), weight_decay=0.0)
    encoder = DialogueEncoder(tokenizer)
    batches = packed(
        lambda: encoder.encode(sample(rng, "train", SMOLLM2_MIX)),
        rng,
        pool=64,
        batch_tokens=BATCH_TOKENS,
        max_tokens=MAX_TOKENS,
    )
    pad_id = tokenizer.convert_tokens_to_ids(TURN_END)
    started_s, seen_tokens, average = time.monotonic(), 0, math.nan
    for step in range(1, steps + 1):
        examples = next(batches)
        share = min(1.0, step / WARMUP_STEPS) * max(LOWEST_SHARE, 1 - step / steps)
        for group in optimizer.param_groups:
            group["lr"] = peak_lr * share
        loss = model.loss(*padded(examples, pad_id))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seen_tokens += sum(len(example.ids) for example in examples)
        average = loss.item() if math.isnan(average) else 0.95 * average + 0.05 * loss.item()
        if step % 5 == 0 or step == steps:
            elapsed_s = time.monotonic() - started_s
            logger.info(
                "step %d of %d, %d tokens, %.0f tokens/s, loss %.4f, %.0f s left",
                *(step, steps, seen_tokens, seen_tokens / elapsed_s, average),
                elapsed_s / step * (steps - step),
            )
        if step % SAVE_EVERY_STEPS == 0 or step == steps:
            model.save(options.out)


if __name__ == "__main__":
    main()
