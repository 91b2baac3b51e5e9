"""The data: seeded, truthful, and with fillings that training never sees."""

import re
from random import Random

import pytest
from jsonschema import Draft202012Validator

from augment_workers.calculator import Calculator
from augment_workers.retrieval import Retrieval
from deployments.models.dialogue import Dialogue, split_of
from deployments.models.dialogues import (
    GENERATORS,
    SMOLLM2_MIX,
    TINY_MIX,
    TOOLLESS,
    TOOLS,
    draw,
    sample,
)
from deployments.models.problems import calculate

SCHEMAS = {kind.kind: kind.parameters for kind in (Calculator, Retrieval)}


def many(seed: int, count: int = 300) -> list[Dialogue]:
    rng = Random(seed)
    return [sample(rng, "train", SMOLLM2_MIX) for _ in range(count)]


def test_the_same_seed_gives_the_same_dialogues() -> None:
    assert many(7, 50) == many(7, 50)
    assert many(7, 50) != many(8, 50)


@pytest.mark.parametrize("mix", [SMOLLM2_MIX, TINY_MIX])
def test_mixes_name_generators_and_are_shares(mix: dict[str, float]) -> None:
    assert set(mix) <= set(GENERATORS)
    assert sum(mix.values()) == pytest.approx(1)


def test_calls_fit_the_schemas_and_their_tools_are_on() -> None:
    assert set(TOOLS) == set(SCHEMAS)
    for made in many(1):
        for call in made.calls:
            assert call["name"] in made.tools
            Draft202012Validator(SCHEMAS[call["name"]]).validate(call["arguments"])


def test_results_of_the_calculator_are_its_own() -> None:
    rng = Random(2)
    for _ in range(200):
        made = draw(rng, "train", "calculator")
        results = [m["content"] for m in made.messages if m["role"] == "tool"]
        assert results == [calculate(c["arguments"]["expression"]) for c in made.calls]


def test_some_requests_turn_no_tool_on_and_get_no_call() -> None:
    toolless = [made for made in many(3, 600) if not made.tools]
    assert 0.04 < len(toolless) / 600 < 0.14
    assert not any(made.calls for made in toolless)
    assert {"direct"} <= {made.kind for made in toolless} and "direct" in TOOLLESS


def test_no_test_filling_is_trained() -> None:
    rng = Random(4)
    for kind in ("calculator", "retrieval"):
        questions = {
            split: {str(draw(rng, split, kind).messages) for _ in range(300)}
            for split in ("train", "test")
        }
        assert not questions["train"] & questions["test"]


@pytest.mark.parametrize("split", ["train", "test"])
def test_searched_titles_belong_to_the_split(split: str) -> None:
    rng = Random(5)
    for _ in range(200):
        for call in draw(rng, split, "retrieval").calls:  # type: ignore[arg-type]
            if call["arguments"]["verb"] == "search":
                query = call["arguments"]["query"]
                assert split_of(query) == split or split_of(query.lower()) == split


def test_numbers_of_a_product_belong_to_the_split() -> None:
    rng = Random(6)
    for split in ("train", "test"):
        for _ in range(300):
            calls = draw(rng, split, "calculator").calls  # type: ignore[arg-type]
            product = re.fullmatch(r"(\d+)\*(\d+)", calls[0]["arguments"]["expression"])
            if product and len(calls) == 1:
                assert split_of(f"{product[1]} {product[2]}") == split
