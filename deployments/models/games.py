"""Dialogues that play a household game to its end, as the expert plays it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from random import Random

from augment_workers.alfworld.augmentation import describe
from augment_workers.alfworld.engine import Engine, Episode
from augment_workers.alfworld.games import ShippedGame, read_games
from augment_workers.alfworld.generate import KINDS, generate
from augment_workers.alfworld.protocol import Act, Observation
from augment_workers.alfworld.searcher import Searcher
from deployments.models.dialogue import (
    Dialogue,
    Message,
    Split,
    answer,
    call,
    dialogue,
    user,
)

KIND = "alfworld"
START = {"action": "start"}

REQUESTS = (
    "Play a game of ALFWorld.",
    "Play a game for me.",
    "Start a household game and win it.",
    "Play ALFWorld until you win.",
    "Begin a new game in the household simulator.",
    "Please play one game of ALFWorld for me.",
    "Can you win a game of ALFWorld?",
    "Do a task in the household world.",
    "Start a game.",
    "Let us see you play ALFWorld.",
)

VARIED_REQUESTS = (
    "Play one round of the household game.",
    "Can you solve a household task in the text world?",
    "I want to watch you play ALFWorld.",
    "Open the household simulator and finish what it asks for.",
    "Let us start ALFWorld.",
    "Win a text game for me.",
    "Take on a task in ALFWorld.",
    "Please run a game in the household simulator.",
    "Complete a chore in the simulated house.",
    "ALFWorld, please: one game.",
    "Try to win in the household world.",
    "Prove that you can play ALFWorld.",
    "Game time! Choose ALFWorld.",
    "Do some housework in the text game.",
    "I would enjoy a game of ALFWorld. You play it.",
    "Launch ALFWorld and do the job that you get.",
)

MISTAKE_SHARE = 0.05
"""Share of commands that the expert would not give, so that models see how to recover."""

MOST_MOVES = 11
MOST_CHARACTERS = 2100
"""Longer games, in moves and in what the tool says, would take too long to learn."""


def game(rng: Random, split: Split) -> Dialogue:
    """A game from its start to the answer that it is won."""
    return _game(rng, split, REQUESTS)


def varied_game(rng: Random, split: Split) -> Dialogue:
    """The same, begun in other words."""
    return _game(rng, split, VARIED_REQUESTS)


def _game(rng: Random, split: Split, requests: Sequence[str]) -> Dialogue:
    number = rng.randrange(len(KINDS))
    while True:
        problem = _problem(rng, split, number)
        mistakes = MISTAKE_SHARE if split == "train" else 0.0
        turns = asyncio.run(_play(problem, rng, mistakes))
        if turns is not None:
            return dialogue(KIND, [user(rng.choice(requests)), *turns])


def _problem(rng: Random, split: Split, number: int) -> ShippedGame:
    """A game of ``split``, the project's own held-out ones or others.

    The others are all of one kind, so that short games are no more frequent than they are
    among the held-out ones: of the long kinds, many are too long to learn.
    """
    if split == "test":
        return rng.choice(held_out_games())
    while True:
        made = next(islice(generate(rng.getrandbits(64)), number, None))
        if made.outline not in _held_out_outlines():
            return made


@cache
def held_out_games() -> tuple[ShippedGame, ...]:
    """The games of the project that no model may learn from."""
    return tuple(shipped for shipped in read_games() if shipped.split == "test")


@cache
def _held_out_outlines() -> frozenset[str]:
    return frozenset(shipped.outline for shipped in held_out_games())


@cache
def _engine() -> Engine:
    return Engine()


async def _play(
    problem: ShippedGame, rng: Random, mistakes: float
) -> list[list[Message]] | None:
    """The turns of a game that the expert wins soon enough; None if it does not.

    A mistake stands in it with weight 0: models learn what to do then, not to make it.
    """
    episode, observation = await _engine().begin(problem.start())
    try:
        return await _finish(episode, observation, rng, mistakes)
    finally:
        episode.close()


async def _finish(
    episode: Episode, observation: Observation, rng: Random, mistakes: float
) -> list[list[Message]] | None:
    seen = describe(observation)
    turns, expert, characters = [call(KIND, START, seen)], Searcher(seen), 0
    while not observation.won:
        characters += len(seen)
        if len(turns) > MOST_MOVES or characters > MOST_CHARACTERS:
            return None
        move, mistake = expert.move(), rng.random() < mistakes
        if mistake:
            move = replace(move, thought="", command=_blunder(observation, move.command, rng))
        observation = await episode.ask(Act(command=move.command))
        seen = describe(observation)
        expert.observe(seen)
        thought = f"{move.thought}\n" if move.thought else ""
        turns.append(call(KIND, {"action": move.command}, seen, thought))
        if mistake:
            turns[-1][0]["weight"] = 0
    ending = f"I won the game with the {expert.thing} and the {expert.target}."
    return [*turns, [answer(ending)]]


def _blunder(observation: Observation, right: str, rng: Random) -> str:
    """Another command than the right one, sometimes one that is not possible here."""
    possible = [command for command in observation.commands if command != right]
    if rng.random() < 0.3 and right.startswith("go to "):
        place = right.removeprefix("go to ")
        return rng.choice((f"open {place}", f"take apple 1 from {place}"))
    return rng.choice(possible)
