"""A policy that never makes up its mind."""

import random
from collections.abc import Sequence

from intercept_core.policy.base import Policy
from intercept_core.policy.types import (
    CostModel,
    Decisions,
    Disposition,
    EngineState,
    ParkedContext,
)


class Fickle(Policy):
    """Thinks again about every context at every decision, at random.

    Args:
        seed: Of its moods.
    """

    name = "fickle"

    def __init__(self, seed: int = 7) -> None:
        self._rng = random.Random(seed)

    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        likely = [Disposition.PRESERVE, Disposition.MIRROR, Disposition.SWAP] * 20
        choices = [*likely, Disposition.DISCARD]
        ids = [context.request_id for context in parked]
        return Decisions(
            {id_: self._rng.choice(choices) for id_ in ids},
            {id_: self._rng.random() for id_ in ids},
        )
