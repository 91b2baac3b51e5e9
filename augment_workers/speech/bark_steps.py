"""The steps of Bark: how many there will be, and a look at each of them."""

import math
from collections.abc import Callable
from typing import Any

import torch
from transformers import StoppingCriteria
from transformers.models.bark.generation_configuration_bark import (
    BarkCoarseGenerationConfig,
    BarkFineGenerationConfig,
    BarkSemanticGenerationConfig,
)

from augment_workers.speech.engine import Advance
from augment_workers.speech.stages import Plan, StageProgress

_CHARACTERS_PER_S = 15.0
"""Of English, as it is spoken: guesses the number of semantic tokens."""


class Planner:
    """The steps that ``BarkModel.generate`` makes for a piece of a text.

    Args:
        config: The model's generation configuration.
        history_frames: Length of the voice's example.
    """

    def __init__(self, config: Any, history_frames: int) -> None:
        self._semantic = BarkSemanticGenerationConfig(**config.semantic_config)
        self._coarse = BarkCoarseGenerationConfig(**config.coarse_acoustics_config)
        self._fine = BarkFineGenerationConfig(**config.fine_acoustics_config)
        self._history_frames = min(history_frames, self._fine.max_fine_history_length)

    def guess(self, text: str) -> Plan:
        """The steps for ``text``, before it is known how many tokens it becomes."""
        tokens = math.ceil(len(text) / _CHARACTERS_PER_S * self._semantic.semantic_rate_hz)
        return self.plan(min(tokens, self._semantic.max_new_tokens))

    def plan(self, tokens: int) -> Plan:
        """The steps for so many semantic tokens."""
        coarse, fine = self._coarse, self._fine
        rate = coarse.coarse_rate_hz / self._semantic.semantic_rate_hz
        frames = math.floor(tokens * rate)
        beyond = frames + self._history_frames - fine.max_fine_input_length
        passes = max(0, math.ceil(beyond / fine.max_fine_history_length)) + 1
        return {
            "semantic": tokens,
            "coarse": frames * coarse.n_coarse_codebooks,
            "fine": passes * (fine.n_fine_codebooks - coarse.n_coarse_codebooks),
        }


class Watch:
    """Sees every step of the model: reports it, and stops the model when nobody waits.

    Args:
        progress: Of the call.
        planner: Knows how many steps there will be.
        report: Is told after each step, in the model's thread.
        is_left: Says whether nobody waits for the speech any more.
    """

    def __init__(
        self,
        progress: StageProgress,
        planner: Planner,
        report: Callable[[Advance], None],
        is_left: Callable[[], bool],
    ) -> None:
        self._progress = progress
        self._planner = planner
        self._report = report
        self._is_left = is_left
        self._tokens = 0

    def begin_piece(self) -> None:
        self._progress.begin_piece()
        self._tokens = 0

    def step(self, stage: str) -> None:
        if self._is_left():
            raise Stopped("nobody waits for this text any more")
        done = self._progress.step(stage)
        if stage == "semantic":
            self._tokens = done
            if done > self._progress.planned(stage):
                self._progress.plan_anew(self._planner.plan(done))
        elif stage == "coarse" and done == 1:
            self._progress.plan_anew(self._planner.plan(self._tokens))
        self._report(Advance(self._progress.fraction, self._progress.eta_s))


class Stopped(Exception):
    """Unwinds the generation of a text for which nobody waits any more."""


class EveryStep(StoppingCriteria):
    """Lets the watch see each token of a transformer, and raise in between."""

    def __init__(self, watch: Watch, stage: str) -> None:
        self._watch = watch
        self._stage = stage

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        self._watch.step(self._stage)
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
