"""Listens to speech: PocketSphinx, whose package holds its model of American English."""

import io
import wave
from array import array

from pocketsphinx import Decoder  # type: ignore[import-untyped]

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
RATE_HZ = 16000


def spoken_digits(wav: bytes) -> str:
    """The words that it hears in a WAV file, knowing that they will be digits."""
    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL", lm=None)
    grammar = f"#JSGF V1.0;\ngrammar digits;\npublic <digits> = ({' | '.join(DIGITS)})+;"
    decoder.add_jsgf_string("digits", grammar)
    decoder.activate_search("digits")
    decoder.start_utt()
    decoder.process_raw(_resampled(wav), full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp()
    return "" if heard is None else str(heard.hypstr)


def _resampled(wav: bytes) -> bytes:
    with wave.open(io.BytesIO(wav)) as file:
        samples = array("h", file.readframes(file.getnframes()))
        step = file.getframerate() / RATE_HZ
    count = int(len(samples) / step)
    return array("h", [samples[int(i * step)] for i in range(count)]).tobytes()
