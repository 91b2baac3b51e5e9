"""Games in the real environment: won, fit to learn from, and apart from those of the tests."""

from random import Random

import pytest

from deployments.models.dialogue import Dialogue, Split
from deployments.models.games import MOST_MOVES, game, held_out_games


@pytest.fixture(scope="module")
def drawn() -> list[Dialogue]:
    rng = Random(3)
    return [game(rng, "train") for _ in range(12)]


def results(made: Dialogue) -> list[str]:
    return [m["content"] for m in made.messages if m["role"] == "tool"]


def test_every_game_begins_and_is_won(drawn: list[Dialogue]) -> None:
    for made in drawn:
        assert made.calls[0]["arguments"] == {"action": "start"}
        assert "Your task is to: " in results(made)[0]
        assert results(made)[-1].endswith(" You won.")
        assert len(made.calls) <= MOST_MOVES + 1
        assert made.messages[-1]["content"].startswith("I won the game with the ")


def test_only_what_the_expert_does_is_learned(drawn: list[Dialogue]) -> None:
    said = [m for made in drawn for m in made.messages[2:] if "tool_calls" in m]
    mistakes = [message for message in said if message.get("weight", 1) == 0]
    assert 0 < len(mistakes) < len(said) / 5
    for message in said[1:]:
        right = message.get("weight", 1) == 1
        began = message["tool_calls"][0]["function"]["arguments"]["action"] == "start"
        assert bool(message["content"]) == (right and not began)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_seed_decides(split: Split) -> None:
    assert game(Random(8), split) == game(Random(8), split)


def test_the_games_of_the_tests_are_the_projects_own() -> None:
    tasks = {shipped.task for shipped in held_out_games()}
    assert len(held_out_games()) == 24
    for seed in range(4):
        first = results(game(Random(seed), "test"))[0]
        assert first.split("Your task is to: ")[1].split(".\n")[0] in tasks
