"""The data: seeded, truthful, and with fillings that training never sees."""

import re
from random import Random

import pytest
from jsonschema import Draft202012Validator

from augment_workers.registry import BUILT_IN, resolve
from deployments.models.courtesies import CLOSINGS
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


@pytest.mark.parametrize("kind", ["calculator", "sum", "varied-calculator"])
def test_results_of_the_calculator_are_its_own(kind: str) -> None:
    rng = Random(2)
    for _ in range(200):
        made = draw(rng, "train", kind)
        results = [m["content"] for m in made.messages if m["role"] == "tool"]
        assert results == [calculate(c["arguments"]["expression"]) for c in made.calls]


def test_small_sums_are_called_where_the_calculator_is_on() -> None:
    rng = Random(4)
    asked = {made.messages[0]["content"]: made for made in (sums(rng) for _ in range(300))}
    small = [text for text in asked if all(int(n) <= 12 for n in re.findall(r"\d+", text))]
    assert len(small) > 50
    assert all("calculator" in made.tools and made.calls for made in asked.values())
    assert any(re.fullmatch(r"\d+[-+*/x]\d+", text) for text in asked)


def sums(rng: Random) -> Dialogue:
    return draw(rng, "train", "sum")


def test_some_requests_turn_no_tool_on_and_get_no_call() -> None:
    toolless = [made for made in many(3, 600) if not made.tools]
    assert 0.02 < len(toolless) / 600 < 0.14
    assert not any(made.calls for made in toolless)
    assert {"direct"} <= {made.kind for made in toolless} and "direct" in TOOLLESS


def test_varied_numbers_are_calculated_as_digits() -> None:
    rng = Random(9)
    made = [draw(rng, "train", "varied-calculator") for _ in range(400)]
    asked = [" ".join(re.findall(r"[\w,]+", m.messages[0]["content"])) for m in made]
    assert any(re.search(r"\b(three|seven|twelve)\b", text) for text in asked)
    assert any(re.search(r"\d,\d{3}", text) for text in asked)
    for dialogue in made:
        for call in dialogue.calls:
            known = r"\d+(\.\d+)?|sqrt|gcd|lcm|remainder|ln|[-+*/()]|, "
            assert re.fullmatch(f"({known})+", call["arguments"]["expression"])


@pytest.mark.parametrize("kind", ["image", "chatbot"])
def test_varied_requests_are_said_in_many_ways_around_the_same_calls(kind: str) -> None:
    rng = Random(10)
    beginnings = {
        name: {
            " ".join(draw(rng, "train", name).messages[0]["content"].split()[:3])
            for _ in range(300)
        }
        for name in (kind, f"varied-{kind}")
    }
    assert len(beginnings[f"varied-{kind}"]) > 1.5 * len(beginnings[kind])


def test_nothing_follows_a_text_to_say() -> None:
    rng = Random(11)
    for _ in range(300):
        made = draw(rng, "train", "varied-speech")
        assert not made.messages[0]["content"].endswith(CLOSINGS)


def filling(made: Dialogue) -> str:
    """What differs from one dialogue of a kind to the next, whatever files are called."""
    return made.messages[0]["content"] + str(made.calls[-1]["arguments"])


def test_no_test_filling_is_trained() -> None:
    rng = Random(4)
    kinds = [kind for kind in TOOLS if kind != "alfworld"]
    # Varied calculations are of one number, too, and those belong to no split.
    varied = [f"varied-{kind}" for kind in kinds if kind != "calculator"]
    for kind in (*kinds, *varied):
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
