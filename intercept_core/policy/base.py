"""The extension point: how parked contexts are decided on."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from intercept_core.policy.types import CostModel, Decisions, EngineState, ParkedContext


class Policy(ABC):
    """Decides what happens to the contexts of parked requests.

    A policy is pure: everything it may know is in the arguments, the clock included, so the
    same object runs in the engine, in a benchmark and in a simulator.

    Attributes:
        name: Its name in configurations.
        requeues: Whether a resumed request stands behind all others, as a new one would;
            else it stands where its first arrival puts it.
        waits_for_copies: Whether the engine waits for the copies of an iteration; else they
            are made beside the next forward passes, within a budget.
        yields_below: Contexts on the device whose worth is below this give way to requests
            that wait to be scheduled; to running ones all of them do.
        needs_truth: Whether it reads ``returns_s``, which only experiments know.
    """

    name: ClassVar[str]
    requeues: ClassVar[bool] = False
    waits_for_copies: ClassVar[bool] = False
    yields_below: ClassVar[float] = float("inf")
    needs_truth: ClassVar[bool] = False

    @abstractmethod
    def decide(
        self, parked: Sequence[ParkedContext], state: EngineState, cost: CostModel
    ) -> Decisions:
        """Decides between two iterations.

        Args:
            parked: Intercepted requests, in order of original arrival: those that are new or
                of which something was reported, and of the rest as many as the engine can
                afford to show, those first that were not shown for longest.
            state: The rest of the engine.
            cost: What recomputation and copies would take.
        """

    def observe(  # noqa: B027
        self, kind: str | None, duration_s: float, argument_chars: int | None = None
    ) -> None:
        """Learns that an interception by ``kind`` took ``duration_s``; by default nothing.

        Args:
            kind: The augmentation, if it is known.
            duration_s: From the call to the result.
            argument_chars: See :class:`~intercept_core.policy.types.ParkedContext`.
        """
