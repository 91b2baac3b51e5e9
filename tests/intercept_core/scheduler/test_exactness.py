"""Interception must not change a token, whatever becomes of the contexts."""

import random
from collections.abc import Sequence

import pytest
from in_process_engine import InProcessEngine
from players import play
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
