from itertools import islice

import pytest

from augment_workers.alfworld.demonstrations import EASY_MOVES, Expert, demonstrate
from augment_workers.alfworld.engine import Engine
from augment_workers.alfworld.games import read_games
from augment_workers.alfworld.generate import KINDS, generate

GAMES = read_games()
ONE_OF_EACH = [
    next(game for game in GAMES if (game.kind, game.split) == (kind, "test")) for kind in KINDS
]


@pytest.mark.parametrize("expert", ["searcher", "planner"])
def test_experts_win_every_kind_of_game(engine: Engine, expert: Expert) -> None:
    for played in demonstrate(ONE_OF_EACH, expert, engine=engine):
        assert played.won, played
        assert played.steps[-1].result.endswith(" You won.")
        assert len(played.steps) - 1 <= EASY_MOVES
        assert [step.action for step in played.steps].count("start") == 1


def test_the_games_of_the_project() -> None:
    assert len({game.name for game in GAMES}) == len(GAMES)
    for kind in KINDS:
        splits = [game.split for game in GAMES if game.kind == kind]
        assert (splits.count("test"), splits.count("train")) == (4, 10)
    trained = {game.outline for game in GAMES if game.split == "train"}
    assert trained.isdisjoint(game.outline for game in GAMES if game.split == "test")


def test_the_seed_decides_which_games_are_generated() -> None:
    first = list(islice(generate(5), 6))
    assert first == list(islice(generate(5), 6))
    assert first != list(islice(generate(6), 6))
    assert [game.kind for game in first] == list(KINDS)
