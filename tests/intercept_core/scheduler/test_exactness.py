"""Interception must not change a token, whatever becomes of the contexts."""

import itertools
import random
from collections.abc import Sequence

import pytest
from in_process_engine import InProcessEngine
from script import ScriptedTurn

from intercept_core.policy.base import Policy
from intercept_core.policy.discard import Discard
from intercept_core.policy.preserve import Preserve
from intercept_core.policy.types import (
    CostModel,
    Decisions,
    Disposition,
    EngineState,
    ParkedContext,
)


class RandomMix(Policy):
    """Discards each context with a probability of one in four at every decision."""

    name = "random_mix"

    def __init__(self) -> None:
        self._rng = random.Random(7)

    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        victims = [context for context in parked if self._rng.random() < 0.25]
        return Decisions({context.request_id: Disposition.DISCARD for context in victims})


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


def total_tokens(turns: list[ScriptedTurn]) -> int:
    return sum(len(turn.input_ids) + len(turn.expected_ids) for turn in turns)


POLICIES = {"preserve": Preserve, "discard": Discard, "mix": RandomMix}


@pytest.mark.parametrize("policy", POLICIES)
def test_two_sessions_with_room_for_both(
    engine: InProcessEngine, scripts: list[list[ScriptedTurn]], policy: str
) -> None:
    engine.scheduler.intercept_policy = POLICIES[policy]()
    before = engine.scheduler.telemetry.as_dict()
    shortest = sorted(scripts, key=total_tokens)[:2]
    play(engine, shortest, patience=0.2, seed=1)
    after = engine.scheduler.telemetry.as_dict()
    interceptions = sum(len(turns) - 1 for turns in shortest)
    assert after["parked"] - before["parked"] == interceptions
    assert after["resumed"] - before["resumed"] == interceptions
    assert after["reclaimed"] == before["reclaimed"]
    recomputed = after["recomputed_tokens"] - before["recomputed_tokens"]
    if policy == "preserve":
        assert recomputed == 0
    if policy == "discard":
        assert recomputed > 0


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("patience", [0.03, 0.5], ids=["long-calls", "short-calls"])
def test_eight_sessions_in_a_cache_too_small_for_them(
    engine: InProcessEngine,
    scripts: list[list[ScriptedTurn]],
    asynchronous: bool,
    policy: str,
    patience: float,
) -> None:
    engine.scheduler.intercept_policy = POLICIES[policy]()
    reclaimed = engine.scheduler.telemetry.reclaimed
    play(engine, scripts, patience=patience, seed=2)
    assert bool(engine.stops_in_flight) == asynchronous
    if policy == "preserve" and patience < 0.1:
        assert engine.scheduler.telemetry.reclaimed > reclaimed
