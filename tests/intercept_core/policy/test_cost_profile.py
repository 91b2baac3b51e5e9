import json
from pathlib import Path
from typing import Any

import pytest

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.cost_profile import read_profile
from intercept_core.policy.learned_cost_model import LearnedCostModel

NUMBERS: dict[str, Any] = {
    "iteration_s": 0.02,
    "token_s": 1e-3,
    "context_token_s": 0,
    "block_out_s": 1e-4,
    "block_in_s": 1e-4,
    "saturation_tokens": 20,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.profile.json"


def test_reads_the_costs_and_leaves_the_rest(path: Path) -> None:
    path.write_text(json.dumps(NUMBERS | {"model": "a-model", "measurements": []}))
    assert read_profile(path).cost_model() == LinearCostModel(**NUMBERS)


def test_reads_what_a_scheduler_has_learned(path: Path) -> None:
    path.write_text(json.dumps(LearnedCostModel().to_dict()))
    assert read_profile(path).cost_model().forward_s(0, 0) == pytest.approx(0.010)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ("there is no such file",)),
        ("{", ("cannot be read as JSON",)),
        ([1], ("is not the JSON object",)),
        ({}, ("iteration_s: is missing", "saturation_tokens: is missing")),
        (NUMBERS | {"token_s": -1}, ("token_s = -1: Input should be greater than 0",)),
        (NUMBERS | {"token_s": "much"}, ("token_s = 'much': Input should be a valid number",)),
        (NUMBERS | {"saturation_tokens": 0}, ("saturation_tokens = 0",)),
    ],
)
def test_a_bad_profile_names_file_field_value_and_remedy(
    path: Path, content: Any, parts: tuple[str, ...]
) -> None:
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ValueError) as error:
        read_profile(path)
    for part in (str(path), *parts, "infercept profile --config"):
        assert part in str(error.value)
