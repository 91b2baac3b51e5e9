"""Pictures from words, as an augmentation."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, ClassVar, Literal

from augment_workers.artifacts import ArtifactStore
from augment_workers.base import Augmentation, AugmentationError
from augment_workers.diffusion import SHAPES, Diffusion, DiffusionSettings
from augment_workers.micro_batches import MicroBatches, OnStep, Step
from intercept_core.bus.messages import Call, Event

LOAD_AGAIN_AFTER_S = 30.0
"""For so long a model that could not be loaded is not tried again."""

Load = Callable[[DiffusionSettings], Diffusion]


class Image(Augmentation):
    """Draws a picture with a diffusion model, several at a time where they come together.

    The model is loaded once, from when the worker starts; calls wait for it. If it cannot be
    loaded, calls fail with the reason, and it is tried again later.

    Args:
        artifacts: Where pictures go.
        model: ``shapes``, which comes with this project and draws one coloured shape; or the
            folder of a diffusers pipeline, or a model id of the hub, such as
            ``stable-diffusion-v1-5/stable-diffusion-v1-5``.
        variant: Which of the model's weight files, e.g. ``fp16``.
        steps: Denoising steps of a picture.
        guidance: How much the words count.
        height: Of a picture in pixels; the model's own if not given.
        width: Of a picture in pixels; the model's own if not given.
        dtype: Of the weights; ``auto`` is ``float16`` on CUDA and ``float32`` elsewhere.
        device: Of torch; ``auto`` is ``cuda`` where there is one.
        seed: Of every picture; if not given the words decide.
        batch_size: Pictures that are made together at most; up to ``concurrency`` is of use.
        batch_wait_s: Seconds that a call waits for others to come.
        load: Loads the model; for tests.
    """

    kind = "image"
    description = "Draws an image from a description and saves it; the user sees it."
    parameters: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {"prompt": {"type": "string", "pattern": "\\S", "maxLength": 1000}},
        "required": ["prompt"],
        "additionalProperties": False,
    }
    typical_duration_s = 0.5

    def __init__(
        self,
        artifacts: ArtifactStore,
        *,
        model: str = SHAPES,
        variant: str | None = None,
        steps: int = 20,
        guidance: float = 5.0,
        height: int | None = None,
        width: int | None = None,
        dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto",
        device: str = "auto",
        seed: int | None = None,
        batch_size: int = 4,
        batch_wait_s: float = 0.005,
        load: Load = Diffusion,
    ) -> None:
        for name, number in (("steps", steps), ("batch_size", batch_size)):
            if number < 1:
                raise ValueError(f"{name}: {number} is not at least 1")
        self._artifacts = artifacts
        settings = DiffusionSettings(
            model=model,
            variant=variant,
            steps=steps,
            guidance=guidance,
            height=height,
            width=width,
            dtype=dtype,
            device=device,
            seed=seed,
        )
        loaded = _LoadedOnce(partial(load, settings))
        self._batches = MicroBatches(loaded.draw, batch_size=batch_size, wait_s=batch_wait_s)
        self._batches.prepare(loaded.get)

    async def run(self, call: Call) -> AsyncIterator[Event]:
        """See :meth:`Augmentation.run`."""
        async with aclosing(self._batches.steps(call.arguments["prompt"])) as steps:
            async for step in steps:
                if isinstance(step, Step):
                    yield call.progress(fraction=step.fraction, eta_s=step.eta_s)
                else:
                    artifact = await self._artifacts.put("image", "png", step)
        yield call.result(f"Image saved as {artifact.name}.", artifacts=[artifact])

    async def close(self) -> None:
        """See :meth:`Augmentation.close`."""
        self._batches.close()


class _LoadedOnce:
    """The model, loaded when it is first asked for; for one thread.

    Args:
        load: Loads it.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, load: Callable[[], Diffusion], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._clock = clock
        self._model: Diffusion | None = None
        self._failure: AugmentationError | None = None
        self._failed_at_s = 0.0

    def get(self) -> Diffusion:
        """The model, or why there is none.

        Raises:
            AugmentationError: as loading did, now or some seconds ago.
        """
        if self._model is not None:
            return self._model
        since_s = self._clock() - self._failed_at_s
        if self._failure is not None and since_s < LOAD_AGAIN_AFTER_S:
            raise self._failure
        try:
            self._model = self._load()
        except AugmentationError as error:
            self._failure, self._failed_at_s = error, self._clock()
            raise
        return self._model

    def draw(
        self, prompts: Sequence[str], on_step: OnStep
    ) -> Sequence[bytes | AugmentationError]:
        """See :meth:`Diffusion.draw`."""
        return self.get().draw(prompts, on_step)
