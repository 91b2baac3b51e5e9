"""What every speech engine does: text in, progress out, samples at the end."""

import io
import wave
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from dataclasses import dataclass

SAMPLE_BYTES = 2
"""Samples are signed 16-bit integers, little-endian, of one channel."""


@dataclass(frozen=True, slots=True)
class Advance:
    """The synthesis goes on.

    Attributes:
        fraction: Share of the work done, 0 to 1.
        eta_s: Expected seconds until the speech is there.
    """

    fraction: float
    eta_s: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A spoken text.

    Attributes:
        samples: 16-bit samples, one after the other.
        sample_rate_hz: Samples a second.
    """

    samples: bytes
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        """Seconds that it takes to listen."""
        return len(self.samples) / SAMPLE_BYTES / self.sample_rate_hz

    def to_wav(self) -> bytes:
        """The samples as a WAV file."""
        file = io.BytesIO()
        with wave.open(file, "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(SAMPLE_BYTES)
            wav.setframerate(self.sample_rate_hz)
            wav.writeframes(self.samples)
        return file.getvalue()


class SpeechEngine(ABC):
    """Turns text into sound."""

    @abstractmethod
    def synthesize(self, text: str) -> AsyncGenerator[Advance | Recording, None]:
        """Speaks ``text``. Closing the generator stops the work.

        Yields:
            Any number of :class:`Advance`, then one :class:`Recording`, without any samples if
            there is nothing in the text that can be pronounced.

        Raises:
            AugmentationError: when the engine fails.
        """

    async def close(self) -> None:
        """Stops what still runs and frees what the engine holds."""
        return None
