"""SmolLM2 with trainable low-rank factors and trainable embeddings of the tags."""

import json
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from deployments.models.encoding import IGNORED
from deployments.models.gguf_weights import GgufLlama
from deployments.models.low_rank import hasten
from deployments.models.markup import CHAT_TEMPLATE_FILE, TAGS, TEXT_END, TURN_END, TURN_START
from deployments.models.smollm2 import TAG_FILE, TAG_ROWS, gguf_file

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
BASE_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
RANK = 16
FROZEN_LAYERS = 10
"""Of the 30 layers, those below keep their weights: less to compute, nothing lost."""


class LoraModel(torch.nn.Module):
    """The base model, LoRA factors, and a row of its own for every tag.

    A tag begins at the mean of its pieces' embeddings. It cannot stay there: the mean of
    the pieces' logits never exceeds the best of them.

    Args:
        resume_dir: An earlier adapter to go on from; None starts afresh.
        bfloat16: Keep the frozen matrices, and multiply, in bfloat16.
    """

    def __init__(self, resume_dir: Path | None = None, *, bfloat16: bool = False) -> None:
        super().__init__()
        self._bfloat16 = bfloat16
        tokenizer = load_base_tokenizer()
        gguf = GgufLlama(gguf_file())
        config = LlamaConfig(**{**gguf.config(), "dtype": "float32"})
        config._attn_implementation = "sdpa"
        base = LlamaForCausalLM.from_pretrained(
            None, config=config, state_dict=dict(gguf.weights())
        )
        embeddings = base.get_input_embeddings().weight.detach()
        self._tag_ids = tokenizer.convert_tokens_to_ids(list(SPARE_TOKENS))
        if resume_dir is None:
            pieces = [tokenizer.encode(tag, add_special_tokens=False) for tag in TAGS]
            rows = torch.stack([embeddings[ids].mean(0) for ids in pieces])
            self._peft = get_peft_model(base, _lora_config(config.num_hidden_layers))
        else:
            rows = load_file(resume_dir / TAG_FILE)[TAG_ROWS].float()
            self._peft = PeftModel.from_pretrained(base, resume_dir, is_trainable=True)
        for parameter in self._peft.parameters():
            frozen_matrix = parameter.dim() == 2 and not parameter.requires_grad
            halved = bfloat16 and frozen_matrix
            parameter.data = parameter.data.bfloat16() if halved else parameter.data.float()
        hasten(self._peft)
        self.tag_rows = torch.nn.Parameter(rows)

    def loss(self, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The mean cross entropy of the labelled tokens.

        The tags' rows are tied like the others, but learn as outputs alone: without a
        gradient to the inputs, the frozen layers below need no backward pass.
        """
        causal = self._peft.base_model.model
        embedded = causal.get_input_embeddings()(ids).detach().float().clone()
        for row, tag_id in zip(self.tag_rows.detach(), self._tag_ids, strict=True):
            embedded[ids == tag_id] = row
        counted = labels[:, 1:] != IGNORED
        columns = torch.tensor(self._tag_ids)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            hidden = causal.model(inputs_embeds=embedded, use_cache=False).last_hidden_state
            states = hidden[:, :-1][counted]
            logits = causal.lm_head(states)
            logits = logits.index_copy(1, columns, states @ self.tag_rows.T)
        return torch.nn.functional.cross_entropy(logits.float(), labels[:, 1:][counted])

    def save(self, folder: Path) -> None:
        """Writes the adapter and the tags' rows in bfloat16."""
        self._peft.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)
        settings = json.loads((folder / "adapter_config.json").read_text())
        # PEFT writes a set, in another order each time.
        settings["target_modules"].sort()
        (folder / "adapter_config.json").write_text(json.dumps(settings, indent=2) + "\n")
        path = folder / "adapter_model.safetensors"
        weights = {name: weight.bfloat16() for name, weight in load_file(path).items()}
        save_file(weights, path, metadata={"format": "pt"})
        save_file({TAG_ROWS: self.tag_rows.detach().bfloat16()}, folder / TAG_FILE)


def load_base_tokenizer() -> PreTrainedTokenizerBase:
    """The base model's tokenizer as the GGUF file holds it."""
    path = gguf_file()
    return AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


def write_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Writes the base tokenizer with the tags in place of the spare tokens, and loads it."""
    path = folder / "tokenizer.json"
    load_base_tokenizer().backend_tokenizer.save(str(path))
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


def _lora_config(layers: int) -> LoraConfig:
    return LoraConfig(
        base_model_name_or_path=BASE_MODEL,
        r=RANK,
        lora_alpha=2 * RANK,
        target_modules=TARGETS,
        layers_to_transform=list(range(FROZEN_LAYERS, layers)),
        task_type="CAUSAL_LM",
    )
