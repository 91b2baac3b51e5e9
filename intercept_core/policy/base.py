"""The extension point: how parked contexts are decided on."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from intercept_core.policy.types import CostModel, Decisions, EngineState, ParkedContext


class Policy(ABC):
    """Decides what happens to the contexts of parked requests.

    A policy is pure: everything it may know is in the arguments, the clock included, so the
    same object runs in the engine, in a benchmark and in a simulator.
    """

    name: ClassVar[str]

    @abstractmethod
    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        """Decides between two iterations.

        Args:
            parked: Every intercepted request, in order of original arrival.
            state: The rest of the engine.
            cost: What recomputation would take.
        """
