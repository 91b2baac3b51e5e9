"""Reads a text aloud into a WAV file."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from augment_workers.artifacts import ArtifactStore
from augment_workers.base import Augmentation, AugmentationError
from augment_workers.speech.engine import Recording, SpeechEngine
from augment_workers.speech.options import BarkOptions, EspeakOptions
from intercept_core.bus.messages import Call, Event


class Speech(Augmentation):
    """Speaks with one of several engines, and keeps the file in the artifact store.

    Args:
        artifacts: Where the files go.
        engine: ``espeak`` (on the CPU, embedded), ``bark`` (a neural model, for GPUs), or an
            engine, closed with this object.
        voice: A voice of the engine: a language of eSpeak NG (``en-us``, ``de``), a preset
            of Bark (``v2/en_speaker_6``). Without it, the engine's own choice.
        max_characters: Longest text of one call.
        progress_interval_s: Seconds between two reports of progress at least.
        espeak: How eSpeak NG speaks.
        bark: Which Bark speaks, and where.
        clock: Seconds, monotonic.

    Raises:
        RuntimeError: when the engine, its model or its voice is not there; the message says
            what to do.
    """

    kind = "speech"
    description = "Reads a text aloud and saves the speech as an audio file."
    parameters: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "pattern": "\\S", "description": "What to say."}
        },
        "required": ["text"],
        "additionalProperties": False,
    }
    typical_duration_s = 0.1

    def __init__(
        self,
        artifacts: ArtifactStore,
        engine: Literal["espeak", "bark"] | SpeechEngine = "espeak",
        *,
        voice: str | None = None,
        max_characters: Annotated[int, Field(gt=0)] = 2000,
        progress_interval_s: Annotated[float, Field(ge=0)] = 0.25,
        espeak: EspeakOptions | None = None,
        bark: BarkOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        match engine:
            case "espeak":
                from augment_workers.speech.espeak import Espeak

                self._engine: SpeechEngine = Espeak(voice or "en-us", espeak)
            case "bark":
                # Imports torch.
                from augment_workers.speech.bark import Bark

                self._engine = Bark(voice, bark)
            case _:
                self._engine = engine
        self._artifacts = artifacts
        self._max_characters = max_characters
        self._progress_interval_s = progress_interval_s
        self._clock = clock

    async def run(self, call: Call) -> AsyncIterator[Event]:
        """Yields progress, then the name and the length of the file.

        Raises:
            AugmentationError: when the text is too long or cannot be pronounced, when the
                engine fails, or when the file cannot be kept.
        """
        text = _printable(call.arguments["text"])
        if len(text) > self._max_characters:
            raise AugmentationError(
                f"the text has {len(text)} characters, and at most {self._max_characters} can "
                "be spoken at once; shorten it, or say it in parts",
                code="bad_arguments",
            )
        if not text:
            raise _unpronounceable()
        recording = Recording(b"", 1)
        due_s = self._clock() + self._progress_interval_s
        async with aclosing(self._engine.synthesize(text)) as steps:
            async for step in steps:
                if isinstance(step, Recording):
                    recording = step
                elif (now_s := self._clock()) >= due_s:
                    due_s = now_s + self._progress_interval_s
                    yield call.progress(step.fraction, step.eta_s)
        if not any(recording.samples):
            raise _unpronounceable()
        artifact = await self._artifacts.put(self.kind, "wav", recording.to_wav())
        yield call.result(
            f"Speech saved as {artifact.name} ({recording.duration_s:.1f} s).",
            artifacts=[artifact],
        )

    async def close(self) -> None:
        """Frees the engine."""
        await self._engine.close()


def _unpronounceable() -> AugmentationError:
    return AugmentationError(
        "there is nothing in the text that can be pronounced; give words",
        code="bad_arguments",
    )


def _printable(text: str) -> str:
    """``text`` on one line, without characters that engines would take as commands."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
