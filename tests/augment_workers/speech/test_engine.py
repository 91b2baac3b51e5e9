import io
import struct
import wave

import pytest

from augment_workers.speech.engine import Recording


def test_a_recording_becomes_a_wav_file() -> None:
    samples = struct.pack("<4h", 0, 1000, -32768, 32767)
    with wave.open(io.BytesIO(Recording(samples, 8000).to_wav())) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, 8000)
        assert wav.readframes(10) == samples


def test_the_duration_counts_samples() -> None:
    assert Recording(bytes(2 * 22050), 22050).duration_s == pytest.approx(1.0)
    assert Recording(b"", 22050).duration_s == 0
