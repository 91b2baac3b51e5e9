"""The prepared folders: complete, stable, and models that call tools."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from deployments.models import CATALOG, prepare, resolve
from deployments.models.dialogue import openai_tool, user
from deployments.models.markup import CALL_END, TURN_END

FILES = {
    "chat_template.jinja",
    "config.json",
    "fingerprint.txt",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}


@pytest.fixture(scope="session", params=["smollm2_dir", "tiny_dir"])
def model_dir(request: pytest.FixtureRequest) -> Path:
    made: Path = request.getfixturevalue(request.param)
    return made


def test_other_names_are_left_to_vllm() -> None:
    assert resolve("org/some-model") == "org/some-model"


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match="tiny-tools"):
        prepare("huge-tools")


def test_a_name_gives_its_folder_of_the_given_cache(tmp_path: Path) -> None:
    assert resolve("tiny-tools", tmp_path) == str(tmp_path / "tiny-tools")
    before = (tmp_path / "tiny-tools" / "model.safetensors").stat().st_ino
    resolve("tiny-tools", tmp_path)
    assert (tmp_path / "tiny-tools" / "model.safetensors").stat().st_ino == before


def test_the_catalog_has_both_models() -> None:
    assert set(CATALOG) == {"smollm2-tools", "tiny-tools"}


def test_a_folder_is_complete(model_dir: Path) -> None:
    assert {path.name for path in model_dir.iterdir()} >= FILES
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    settings = json.loads((model_dir / "generation_config.json").read_text())
    assert settings["eos_token_id"] == tokenizer.convert_tokens_to_ids(TURN_END)


def test_weights_are_bfloat16_and_match_the_vocabulary(model_dir: Path) -> None:
    weights = load_file(model_dir / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    config = json.loads((model_dir / "config.json").read_text())
    assert weights["model.embed_tokens.weight"].shape[0] == config["vocab_size"]
    assert len(AutoTokenizer.from_pretrained(model_dir)) <= config["vocab_size"]


def test_the_model_calls_the_calculator(model_dir: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    prompt = tokenizer.apply_chat_template(
        [user("What is 34 times 57?")],
        tools=[openai_tool("calculator")],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    stops = tokenizer.convert_tokens_to_ids([CALL_END, TURN_END])
    with torch.inference_mode():
        output = model.generate(
            **prompt, do_sample=False, max_new_tokens=60, eos_token_id=stops
        )
    call = '{"name": "calculator", "arguments": {"expression": "34*57"}}'
    assert tokenizer.decode(output[0, prompt["input_ids"].shape[1] :]) == (
        f"<tool_call>\n{call}\n</tool_call>"
    )
