"""Games played by an expert: to choose those of the project, and to learn from."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from augment_workers.alfworld.augmentation import START, describe
from augment_workers.alfworld.engine import Engine, Episode
from augment_workers.alfworld.games import ShippedGame
from augment_workers.alfworld.protocol import Act, Observation
from augment_workers.alfworld.searcher import Move, Searcher

Expert = Literal["searcher", "planner"]
MAX_MOVES = 40

EASY_MOVES = 10
EASY_CHARACTERS = 1900
"""Of all actions and results of an easy game together: some 550 tokens."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the tool.

    Attributes:
        thought: Why, in a few words; empty for the planner and for the start.
        action: The argument of the call.
        result: What the tool answers, word for word.
    """

    thought: str
    action: str
    result: str


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A game from its start to its end.

    Attributes:
        won: Whether the expert did what the task says.
    """

    game: ShippedGame
    steps: tuple[Step, ...]
    won: bool

    @property
    def easy(self) -> bool:
        """Whether the expert won in a few moves, and few words."""
        characters = sum(len(step.action) + len(step.result) for step in self.steps)
        return self.won and len(self.steps) - 1 <= EASY_MOVES and characters <= EASY_CHARACTERS


def demonstrate(
    games: Iterable[ShippedGame], expert: Expert = "searcher", *, engine: Engine | None = None
) -> Iterator[Demonstration]:
    """Plays the games, one after the other.

    Args:
        expert: ``searcher`` knows what the results say and nothing else; ``planner`` knows
            where everything is, and takes the shortest way that it finds.
        engine: Where they are played; one of its own if None. The texts are the same as in
            :class:`~augment_workers.alfworld.augmentation.Alfworld`.

    Raises:
        EngineError: when games cannot be played here, and why.
    """
    playing = engine or Engine()
    try:
        for game in games:
            yield asyncio.run(_play(playing, game, expert))
    finally:
        if engine is None:
            playing.close()


async def _play(engine: Engine, game: ShippedGame, expert: Expert) -> Demonstration:
    episode, observation = await engine.begin(game.start(planned=expert == "planner"))
    try:
        return await _finish(episode, observation, game, expert)
    finally:
        episode.close()


async def _finish(
    episode: Episode, observation: Observation, game: ShippedGame, expert: Expert
) -> Demonstration:
    result = describe(observation)
    steps = [Step("", START, result)]
    plan = iter(observation.plan)
    searcher = Searcher(result)
    while not observation.won and len(steps) <= MAX_MOVES:
        move = searcher.move() if expert == "searcher" else Move("", next(plan, ""))
        if not move.command:
            break
        observation = await episode.ask(Act(command=move.command))
        result = describe(observation)
        if expert == "searcher":
            searcher.observe(result)
        steps.append(Step(move.thought, move.command, result))
    return Demonstration(game, tuple(steps), observation.won)
