"""Audible speech on a CPU: eSpeak NG, as the package ``espeakng-loader`` brings it."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable

from augment_workers.base import AugmentationError
from augment_workers.speech import espeak_process
from augment_workers.speech.engine import Advance, Recording, SpeechEngine
from augment_workers.speech.espeak_process import FRAME, SAMPLE_RATE
from augment_workers.speech.options import EspeakOptions

_START_TIMEOUT_S = 30.0


class Espeak(SpeechEngine):
    """A process for each text: nothing of eSpeak NG lives in this one.

    Args:
        voice: A language that eSpeak NG speaks, or a variant of one.
        options: How it speaks.
        clock: Seconds, monotonic.

    Raises:
        RuntimeError: when the library is not installed, cannot be loaded, or has no such
            voice.
    """

    def __init__(
        self,
        voice: str = "en-us",
        options: EspeakOptions | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = _command(voice, options or EspeakOptions())
        self._clock = clock
        _try_out(self._command)

    async def synthesize(self, text: str) -> AsyncGenerator[Advance | Recording, None]:
        """See :meth:`SpeechEngine.synthesize`."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, stderr=pipe
        )
        assert process.stdin and process.stdout and process.stderr
        rate_hz, samples = 0, bytearray()
        try:
            process.stdin.write(text.encode())
            process.stdin.close()
            if head := await _read(process.stdout, SAMPLE_RATE.size):
                (rate_hz,) = SAMPLE_RATE.unpack(head)
            started_s = self._clock()
            while head := await _read(process.stdout, FRAME.size):
                reached, size = FRAME.unpack(head)
                samples += await _read(process.stdout, size)
                if fraction := min(reached / len(text), 1.0):
                    elapsed_s = self._clock() - started_s
                    yield Advance(fraction, elapsed_s / fraction - elapsed_s)
            complaint = (await process.stderr.read()).decode(errors="replace").strip()
            if status := await process.wait():
                reason = complaint or f"its process ended with status {status}"
                raise AugmentationError(f"the speech engine failed: {reason}", retryable=True)
            yield Recording(bytes(samples), rate_hz)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _command(voice: str, options: EspeakOptions) -> tuple[str, ...]:
    try:
        import espeakng_loader
    except ImportError:
        raise RuntimeError(
            "speech: eSpeak NG comes with the package espeakng-loader, which is not installed; "
            "pip install espeakng-loader==0.2.4, or choose another options.engine"
        ) from None
    return (
        # The script needs the standard library alone: without site packages it starts fast.
        *(sys.executable, "-I", "-S", espeak_process.__file__),
        *(espeakng_loader.get_library_path(), espeakng_loader.get_data_path()),
        *(voice, str(options.words_per_minute), str(options.pitch)),
    )


def _try_out(command: tuple[str, ...]) -> None:
    """Speaks a word, so that a wrong voice or a broken library stops the deployment."""
    try:
        tried = subprocess.run(
            command, input=b"yes", capture_output=True, check=False, timeout=_START_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(
            f"speech: eSpeak NG did not say a word within {_START_TIMEOUT_S:g} s; give the "
            "machine less to do, or choose another options.engine"
        ) from None
    if tried.returncode:
        complaint = tried.stderr.decode(errors="replace").strip().splitlines()
        reason = complaint[-1] if complaint else f"eSpeak NG ended with {tried.returncode}"
        raise RuntimeError(f"speech: {reason}; change options.voice or options.engine")


async def _read(stream: asyncio.StreamReader, size: int) -> bytes:
    """``size`` bytes, or none where the stream ends before."""
    try:
        return await stream.readexactly(size)
    except asyncio.IncompleteReadError:
        return b""
