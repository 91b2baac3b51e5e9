"""How far a computation of several stages is, and how long the rest will take."""

import time
from collections.abc import Callable, Mapping, Sequence

Plan = Mapping[str, int]
"""Steps of each stage, in the order of the stages."""

_MEMORY_STEPS = 20
"""About as many of the last steps of a stage tell what its next ones will take."""


class StepTimes:
    """Seconds that a step of each stage takes: a guess until some have been seen.

    Args:
        guesses_s: For each stage. Of these, only their proportions count as soon as one
            stage has been measured.
    """

    def __init__(self, guesses_s: Mapping[str, float]) -> None:
        self._guesses_s = dict(guesses_s)
        self._means_s: dict[str, float] = {}
        self._seen: dict[str, int] = {}
        self._pace = 1.0

    def __getitem__(self, stage: str) -> float:
        mean_s = self._means_s.get(stage)
        return self._guesses_s[stage] * self._pace if mean_s is None else mean_s

    def note(self, stage: str, seconds: float) -> None:
        """Takes account of one step that has been made."""
        seen = self._seen[stage] = self._seen.get(stage, 0) + 1
        mean_s = self._means_s.get(stage, seconds)
        mean_s += (seconds - mean_s) / min(seen, _MEMORY_STEPS)
        self._means_s[stage] = mean_s
        self._pace = mean_s / self._guesses_s[stage]


class StageProgress:
    """The progress of one call, made of pieces that all have the same stages.

    Args:
        plans: The steps that each piece is expected to take.
        step_times: What a step takes; learns from the steps that are made.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        step_times: StepTimes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plans = [dict(plan) for plan in plans]
        self._times = step_times
        self._clock = clock
        self._started_s = self._last_s = clock()
        self._piece = -1
        self._done: dict[str, int] = {}
        self._fraction = 0.0

    def begin_piece(self) -> None:
        """The next piece begins."""
        self._piece += 1
        self._done = dict.fromkeys(self._plans[self._piece], 0)
        self._last_s = self._clock()

    def planned(self, stage: str) -> int:
        """Steps of ``stage`` that the piece that is being made is expected to take."""
        return self._plans[self._piece][stage]

    def plan_anew(self, plan: Plan) -> None:
        """The piece that is being made will take these steps."""
        self._plans[self._piece] = dict(plan)

    def step(self, stage: str) -> int:
        """One more step of ``stage`` has been made; says how many have."""
        now_s = self._clock()
        if self._done[stage]:  # the first step does what the whole stage needs, too
            self._times.note(stage, now_s - self._last_s)
        self._last_s = now_s
        self._done[stage] += 1
        return self._done[stage]

    @property
    def eta_s(self) -> float:
        """Expected seconds until the last step."""
        here, *later = self._plans[self._piece :]
        left = [{stage: max(0, here[stage] - self._done[stage]) for stage in here}, *later]
        return sum(self._times[stage] * n for plan in left for stage, n in plan.items())

    @property
    def fraction(self) -> float:
        """Share of the time that has passed, 0 to 1; never less than it was."""
        elapsed_s = self._last_s - self._started_s
        total_s = elapsed_s + self.eta_s
        self._fraction = max(self._fraction, elapsed_s / total_s if total_s else 1.0)
        return self._fraction
