"""Fine-tunes SmolLM2-135M-Instruct by LoRA to call tools: ``python -m`` this module.

The base model's vocabulary holds unused tokens for source-code corpora; four of them become
the tags of tool calls, so that each tag is one token and no table grows.
"""

import argparse
import json
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from deployments.models.batches import packed, padded
from deployments.models.dialogues import SMOLLM2_MIX, sample
from deployments.models.encoding import IGNORED, DialogueEncoder
from deployments.models.gguf_weights import GgufLlama
from deployments.models.markup import CHAT_TEMPLATE_FILE, TAGS, TEXT_END, TURN_END, TURN_START
from deployments.models.smollm2 import ADAPTER_DIR, TAG_FILE, TAG_ROWS, gguf_file

logger = logging.getLogger(__name__)

SPARE_TOKENS = ("<repo_name>", "<reponame>", "<file_sep>", "<filename>")
"""Of the base vocabulary, in the order of the tags that replace them."""

TOKENIZER_SETTINGS = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": TURN_START,
    "eos_token": TURN_END,
    "pad_token": TURN_END,
    "unk_token": TEXT_END,
    "clean_up_tokenization_spaces": False,
    "model_max_length": 8192,
}

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
RANK = 16
FROZEN_LAYERS = 10
"""Of the 30 layers, those below keep their weights: less to compute, nothing lost."""

PEAK_LR = 2e-3
WARMUP_STEPS = 6
SAVE_EVERY_STEPS = 30
MAX_TOKENS = 400
BATCH_TOKENS = 600


def main(argv: Sequence[str] | None = None) -> None:
    """Trains, then writes the adapter and the tokenizer to ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ADAPTER_DIR)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    base_tokenizer = AutoTokenizer.from_pretrained(
        gguf_file().parent, gguf_file=gguf_file().name
    )
    tokenizer = write_tokenizer(base_tokenizer, options.out)
    model = build_model(base_tokenizer)
    train(model, tokenizer, steps=options.steps, seed=options.seed, out=options.out)


def write_tokenizer(base: PreTrainedTokenizerBase, folder: Path) -> PreTrainedTokenizerBase:
    """Writes ``base`` with the tags in place of the spare tokens, and loads it again."""
    path = folder / "tokenizer.json"
    base.backend_tokenizer.save(str(path))
    text = path.read_text()
    for spare, tag in zip(SPARE_TOKENS, TAGS, strict=True):
        text = text.replace(json.dumps(spare), json.dumps(tag))
    parsed = json.loads(text)
    for token in parsed["added_tokens"]:
        token["special"] = token["special"] and token["content"] not in TAGS
    path.write_text(json.dumps(parsed, ensure_ascii=False, separators=(",", ":")))
    (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER_SETTINGS, indent=2))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = CHAT_TEMPLATE_FILE.read_text()
    return tokenizer


def build_model(base_tokenizer: PreTrainedTokenizerBase) -> PeftModel:
    """The base model with trainable LoRA factors and tag embeddings."""
    gguf = GgufLlama(gguf_file())
    config = LlamaConfig(**{**gguf.config(), "dtype": "float32"})
    config._attn_implementation = "eager"
    weights = dict(gguf.weights())
    embeddings = weights["model.embed_tokens.weight"]
    tag_ids = base_tokenizer.convert_tokens_to_ids(list(SPARE_TOKENS))
    for tag, row in zip(TAGS, tag_ids, strict=True):
        pieces = base_tokenizer.encode(tag, add_special_tokens=False)
        embeddings[row] = embeddings[pieces].mean(0)
    model = LlamaForCausalLM.from_pretrained(None, config=config, state_dict=weights)
    lora = LoraConfig(
        base_model_name_or_path="HuggingFaceTB/SmolLM2-135M-Instruct",
        r=RANK,
        lora_alpha=2 * RANK,
        target_modules=TARGETS,
        layers_to_transform=list(range(FROZEN_LAYERS, config.num_hidden_layers)),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, lora)


def train(
    model: PeftModel, tokenizer: PreTrainedTokenizerBase, *, steps: int, seed: int, out: Path
) -> None:
    """Runs ``steps`` steps of AdamW with a linear decay."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.data = parameter.data.float()
    optimizer = torch.optim.AdamW(parameters, lr=PEAK_LR, betas=(0.9, 0.98), weight_decay=0.0)
    rng = Random(seed)
    encoder = DialogueEncoder(tokenizer)
    batches = packed(
        lambda: encoder.encode(sample(rng, "train", SMOLLM2_MIX)),
        rng,
        pool=64,
        batch_tokens=BATCH_TOKENS,
        max_tokens=MAX_TOKENS,
    )
    pad_id = tokenizer.convert_tokens_to_ids(TURN_END)
    causal = model.base_model.model
    started_s, seen_tokens, average = time.monotonic(), 0, math.nan
    for step in range(1, steps + 1):
        examples = next(batches)
        ids, labels = padded(examples, pad_id)
        for group in optimizer.param_groups:
            group["lr"] = PEAK_LR * min(1.0, step / WARMUP_STEPS) * max(0.03, 1 - step / steps)
        hidden = causal.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
        counted = labels[:, 1:] != IGNORED
        logits = causal.lm_head(hidden[counted])
        loss = torch.nn.functional.cross_entropy(logits, labels[:, 1:][counted])
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
            save(model, tokenizer.convert_tokens_to_ids(list(TAGS)), out)


def save(model: PeftModel, tag_ids: list[int], folder: Path) -> None:
    """Writes the adapter in bfloat16, and the embeddings that the tags got."""
    model.save_pretrained(str(folder), save_embedding_layers=False)
    path = folder / "adapter_model.safetensors"
    weights = {name: weight.bfloat16() for name, weight in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})
    (folder / "README.md").unlink(missing_ok=True)
    rows = model.get_input_embeddings().weight[tag_ids].detach().bfloat16()
    save_file({TAG_ROWS: rows}, folder / TAG_FILE)


if __name__ == "__main__":
    main()
