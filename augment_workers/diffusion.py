"""Pictures from words, by any text-to-image model that diffusers loads."""

import hashlib
import io
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from augment_workers.base import AugmentationError
from augment_workers.micro_batches import Abandoned, OnStep
from augment_workers.shapes import WEIGHTS

logger = logging.getLogger(__name__)

SHAPES = "shapes"
"""The model that comes with this project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffusionSettings:
    """How pictures are made.

    Attributes:
        model: ``shapes``, the folder of a diffusers pipeline, or a model id of the hub.
        variant: Which of the model's weight files, e.g. ``fp16``; its default ones if not
            given.
        steps: Denoising steps of a picture.
        guidance: Scale of the classifier-free guidance: how much the words count.
        height: Of a picture in pixels; the model's own if not given.
        width: Of a picture in pixels; the model's own if not given.
        dtype: Of the weights; ``auto`` is ``float16`` on CUDA and ``float32`` elsewhere.
        device: Of torch, e.g. ``cuda``; ``auto`` is ``cuda`` where there is one.
        seed: Of the noise of every picture; if not given it follows from the words, so that
            the same words make the same picture.
    """

    model: str = SHAPES
    variant: str | None = None
    steps: int = 20
    guidance: float = 5.0
    height: int | None = None
    width: int | None = None
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto"
    device: str = "auto"
    seed: int | None = None


class Diffusion:
    """A loaded model. Not for two threads at the same time.

    Args:
        settings: Which model, and how it draws.

    Raises:
        AugmentationError: when it cannot be loaded; the message says what to change.
    """

    def __init__(self, settings: DiffusionSettings) -> None:
        self._settings = settings
        self._torch, self._pipeline = _load(settings)
        self._decode_s = 0.0

    def draw(self, prompts: Sequence[str], on_step: OnStep) -> list[bytes | AugmentationError]:
        """A PNG file for each of ``prompts``, all made in one go.

        Args:
            prompts: What to draw.
            on_step: Told after every step, from this thread.

        Returns:
            In the place of each prompt its picture, or why there is none.

        Raises:
            Abandoned: if ``on_step`` said so.
            AugmentationError: if there is not enough memory for this many.
        """
        settings, torch = self._settings, self._torch
        watch = _Watch(on_step, self._decode_s)

        def after_step(pipeline: Any, step: int, _: Any, tensors: Any) -> Any:
            watch.step(step + 1, pipeline.num_timesteps)
            return tensors

        try:
            made = self._pipeline(
                prompt=list(prompts),
                num_inference_steps=settings.steps,
                guidance_scale=settings.guidance,
                height=settings.height,
                width=settings.width,
                generator=[self._noise_of(prompt) for prompt in prompts],
                callback_on_step_end=after_step,
            )
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise AugmentationError(
                f"no memory for {len(prompts)} pictures at a time; lower batch_size, height or "
                "width in the options of image, or give it more of a GPU"
            ) from error
        self._decode_s = watch.since_last_step_s
        refused = getattr(made, "nsfw_content_detected", None) or [False] * len(prompts)
        return [
            AugmentationError("the safety checker refused the picture; ask for another")
            if is_refused
            else _png(picture)
            for picture, is_refused in zip(made.images, refused, strict=True)
        ]

    def _noise_of(self, prompt: str) -> Any:
        seed = self._settings.seed
        if seed is None:
            seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:6])
        return self._torch.Generator("cpu").manual_seed(seed)


class _Watch:
    """Tells how far a batch is, and how long it will still take, by the steps so far."""

    def __init__(self, on_step: OnStep, decode_s: float) -> None:
        self._on_step = on_step
        self._decode_s = decode_s
        self._began_s = self._last_s = time.monotonic()

    @property
    def since_last_step_s(self) -> float:
        return time.monotonic() - self._last_s

    def step(self, done: int, steps: int) -> None:
        self._last_s = time.monotonic()
        step_s = (self._last_s - self._began_s) / done
        left_s = step_s * (steps - done) + self._decode_s
        if not self._on_step(done / steps, left_s):
            # Setting the pipeline's _interrupt would still decode what nobody waits for.
            raise Abandoned


def _load(settings: DiffusionSettings) -> tuple[Any, Any]:
    """torch, and the pipeline on its device."""
    try:
        import torch
        from diffusers import DiffusionPipeline
    except ImportError as error:
        raise AugmentationError(
            f"the image augmentation needs a package that is not installed ({error}); install "
            "this project with its extra cpu or cuda"
        ) from error
    began_s = time.monotonic()
    has_cuda = torch.cuda.is_available()
    device = ("cuda" if has_cuda else "cpu") if settings.device == "auto" else settings.device
    half = device.startswith("cuda")
    dtype = settings.dtype if settings.dtype != "auto" else "float16" if half else "float32"
    is_ours = settings.model == SHAPES
    try:
        pipeline = DiffusionPipeline.from_pretrained(
            str(WEIGHTS) if is_ours else settings.model,
            dtype=getattr(torch, dtype),
            variant=settings.variant,
            use_safetensors=True,  # other formats can run code when they are read
            local_files_only=is_ours,
            **({"safety_checker": None, "requires_safety_checker": False} if is_ours else {}),
        )
        pipeline.to(device)
    except Exception as error:  # the hub, the file system and every part have their own
        logger.exception("the image model %r cannot be loaded", settings.model)
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise AugmentationError(
            f"the image model {settings.model!r} cannot be loaded ({reason[:300]}); set model "
            "in the options of image to the folder or the id of a diffusers pipeline, and "
            "device to one that is there, or leave them out"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    elapsed_s = time.monotonic() - began_s
    logger.info("image model %s on %s after %.1f s", settings.model, device, elapsed_s)
    return torch, pipeline


def _png(picture: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return file.getvalue()
