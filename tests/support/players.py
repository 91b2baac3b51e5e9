"""Plays scripted conversations against an engine, many at once."""

import itertools
import random

from in_process_engine import InProcessEngine
from script import ScriptedTurn


class Player:
    """Plays one script against the engine."""

    _numbers = itertools.count()

    def __init__(self, engine: InProcessEngine, turns: list[ScriptedTurn]) -> None:
        self.engine = engine
        self.name = f"player-{next(self._numbers)}"
        self.turns = turns
        self.next_turn = 0

    @property
    def waits(self) -> bool:
        """Whether it is parked for a call."""
        return not self.over and self.engine.ended(self.name)

    @property
    def over(self) -> bool:
        return self.next_turn == len(self.turns) and self.engine.ended(self.name)

    def move(self) -> None:
        turn = self.turns[self.next_turn]
        self.next_turn += 1
        triggers = frozenset() if turn.trigger is None else frozenset({turn.trigger})
        # With room to go on after a trigger, a step is on its way when it comes.
        to_spare = 5 if triggers else 0
        self.engine.add(
            self.name,
            turn.input_ids,
            max_tokens=len(turn.expected_ids) + to_spare,
            triggers=triggers,
            resumable=True,
            ignore_eos=True,
        )

    def check(self) -> None:
        said = [turn.token_ids for turn in self.engine.turns[self.name]]
        assert said == [turn.expected_ids for turn in self.turns]


def play(
    engine: InProcessEngine, scripts: list[list[ScriptedTurn]], *, patience: float, seed: int
) -> None:
    """Plays all the scripts at once; a parked player's result comes with probability
    ``patience`` after each step, so that some interceptions are short and some long."""
    assert engine.scheduler.reset_prefix_cache()
    rng = random.Random(seed)
    players = [Player(engine, turns) for turns in scripts]

    def advance() -> bool:
        for player in players:
            if player.next_turn == 0 or (player.waits and rng.random() < patience):
                player.move()
        return all(player.over for player in players)

    engine.run_until(advance)
    for player in players:
        player.check()
        engine.close(player.name)
