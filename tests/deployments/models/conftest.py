"""Both models' folders, made once a run (and kept in the project's cache)."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from deployments.models import prepare


@pytest.fixture(scope="session")
def smollm2_dir() -> Path:
    return prepare("smollm2-tools")


@pytest.fixture(scope="session")
def tiny_dir() -> Path:
    return prepare("tiny-tools")


@pytest.fixture(scope="session", params=["smollm2_dir", "tiny_dir"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(request.getfixturevalue(request.param))
