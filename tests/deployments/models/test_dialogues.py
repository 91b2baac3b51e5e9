"""The data: seeded, truthful, and with fillings that training never sees."""

import re
from random import Random

import pytest
from jsonschema import Draft202012Validator

from augment_workers.registry import BUILT_IN, resolve
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

SCHEMAS = {name: resolve(name).parameters for name in TOOLS if name in BUILT_IN}
QUICK_MIX = {kind: share for kind, share in SMOLLM2_MIX.items() if kind != "alfworld"}
"""Games take a tenth of a second each; they have tests of their own."""


def many(seed: int, count: int = 300) -> list[Dialogue]:
    rng = Random(seed)
    return [sample(rng, "train", QUICK_MIX) for _ in range(count)]


def test_the_same_seed_gives_the_same_dialogues() -> None:
    assert many(7, 50) == many(7, 50)
    assert many(7, 50) != many(8, 50)


@pytest.mark.parametrize("mix", [SMOLLM2_MIX, TINY_MIX])
def test_mixes_name_generators_and_are_shares(mix: dict[str, float]) -> None:
    assert set(mix) <= set(GENERATORS)
    assert sum(mix.values()) == pytest.approx(1)


def test_calls_fit_the_schemas_and_their_tools_are_on() -> None:
    assert set(TOOLS) == set(SCHEMAS)
    rng = Random(0)
    for made in [*many(1), *(draw(rng, "train", "alfworld") for _ in range(3))]:
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
    assert 0.02 < len(toolless) / 600 < 0.14
    assert not any(made.calls for made in toolless)
    assert {"direct"} <= {made.kind for made in toolless} and "direct" in TOOLLESS


def filling(made: Dialogue) -> str:
    """What differs from one dialogue of a kind to the next, whatever files are called."""
    return made.messages[0]["content"] + str(made.calls[-1]["arguments"])


def test_no_test_filling_is_trained() -> None:
    rng = Random(4)
    for kind in ("calculator", "retrieval", "chatbot", "image", "speech"):
        questions = {
            split: {filling(draw(rng, split, kind)) for _ in range(200)}
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
