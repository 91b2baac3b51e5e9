"""What docs/deploy.md says of files, fields, commands and sizes."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from ray.serve.schema import LoggingConfig

from deployments.config import ServeConfig
from loadtest.simulator.machines import GPT_J_6B, LLAMA_3_70B, VICUNA_13B, Model

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text()
LLAMA_3_1_8B = Model(8.03e9, 32, 8, 128, 4096)


def test_every_configuration_is_in_the_matrix() -> None:
    rows = set(re.findall(r"^\| `([\w.-]+\.yaml)` \|", PAGE, re.MULTILINE))
    assert rows == {path.name for path in (ROOT / "configs").glob("*.yaml")}


def test_the_fields_are_those_of_the_configuration() -> None:
    whole, *others = map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    for fields in (whole, *others):
        if "logging_config" in fields:  # of the file, not of the application
            assert LoggingConfig.model_validate(fields["logging_config"]).encoding == "JSON"
            continue
        config = ServeConfig.model_validate({"model": "a-model", **fields})
    config = ServeConfig.model_validate({"model": "a-model", **whole})
    assert config.tensor_parallel_size == 2
    assert config.replica.max_surge_percent == 25


def commands() -> list[list[str]]:
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    lines = "".join(blocks).splitlines()
    return [
        shlex.split(line.strip().removeprefix("$ "), comments=True) for line in lines if line
    ]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_name_what_exists(words: list[str]) -> None:
    files = [word.partition("=")[2] or word for word in words if re.search(r"\.ya?ml$", word)]
    assert [file for file in files if not (ROOT / file).exists()] == []
    if "--target" in words:
        stage = words[words.index("--target") + 1]
        assert re.search(rf"^FROM base AS {stage}$", (ROOT / "Dockerfile").read_text(), re.M)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("GPT-J-6B", GPT_J_6B),
        ("Vicuna-13B", VICUNA_13B),
        ("Llama-3-70B", LLAMA_3_70B),
        ("Llama-3.1-8B", LLAMA_3_1_8B),
    ],
)
def test_sizes_of_contexts(name: str, model: Model) -> None:
    row = re.search(
        rf"^\| {re.escape(name)} \| (\d+) KiB \| ([\d,]+) .*\| ([\d.]+) GiB", PAGE, re.M
    )
    assert row is not None
    tokens = int(row[2].replace(",", ""))
    assert model.token_bytes == int(row[1]) * 2**10
    assert round(model.token_bytes * tokens / 2**30, 2) == pytest.approx(
        float(row[3]), abs=0.01
    )
