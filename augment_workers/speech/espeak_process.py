"""The process in which eSpeak NG speaks: text on standard input, samples on standard output.

Run by the path of this file, which imports nothing but the standard library. eSpeak NG is a C
library (GPL-3.0-or-later) with global state that is not safe to use from threads; in a
process of its own, one for each text, a crash ends one call and a kill stops the work.

The output is the sample rate, then frames: how many characters of the text have been
spoken, how many bytes of samples follow, and these samples.
"""

import ctypes
import struct
import sys
from typing import Any

SAMPLE_RATE = struct.Struct("<I")
FRAME = struct.Struct("<II")

# Of espeak-ng/speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_RATE, _PITCH = 1, 3
_EVENT_LIST_TERMINATED = 0
_EE_OK = 0
_CHUNK_MS = 200
_CONTINUE, _ABORT = 0, 1


class _Event(ctypes.Structure):
    """``espeak_EVENT``; the union at its end is eight bytes on every platform."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_uint64),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def main(library: str, data: str, voice: str, words_per_minute: str, pitch: str) -> int:
    """Speaks what is on standard input; the exit status says whether it worked."""
    espeak = ctypes.CDLL(library)
    rate_hz = espeak.espeak_Initialize(
        _AUDIO_OUTPUT_SYNCHRONOUS, _CHUNK_MS, data.encode(), _INITIALIZE_DONT_EXIT
    )
    if rate_hz <= 0:
        return _fail(f"eSpeak NG's data in {data} cannot be read")
    if espeak.espeak_SetVoiceByName(voice.encode()) != _EE_OK:
        return _fail(
            f"eSpeak NG has no voice {voice!r}; voices are named by language, such "
            "as en-us, en-gb, de, fr, and variants such as en-us+f3"
        )
    espeak.espeak_SetParameter(_RATE, int(words_per_minute), 0)
    espeak.espeak_SetParameter(_PITCH, int(pitch), 0)
    text = sys.stdin.buffer.read().decode()
    sys.stdout.buffer.write(SAMPLE_RATE.pack(rate_hz))
    sys.stdout.buffer.flush()
    if not _speak(espeak, text):
        return _fail("eSpeak NG stopped in the middle of the text")
    return 0


def _speak(espeak: Any, text: str) -> bool:
    """Writes a frame for each piece of sound; False when it ended early."""
    reached = 0
    broken = False

    def take(samples: Any, count: int, events: Any) -> int:
        nonlocal reached, broken
        for event in events:
            if event.type == _EVENT_LIST_TERMINATED:
                break
            reached = max(reached, event.text_position)
        if count > 0:
            sound = ctypes.string_at(samples, count * ctypes.sizeof(ctypes.c_short))
            try:
                sys.stdout.buffer.write(FRAME.pack(reached, len(sound)) + sound)
                sys.stdout.buffer.flush()
            except OSError:  # nobody listens any more
                broken = True
        return _ABORT if broken else _CONTINUE

    callback = _Callback(take)
    espeak.espeak_SetSynthCallback(callback)
    encoded = text.encode() + b"\0"
    status = espeak.espeak_Synth(
        encoded, len(encoded), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
    )
    return status == _EE_OK and not broken


def _fail(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
