import asyncio
import sys
from array import array
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path

import psutil
import pytest
from calls import ENDS, lose_its_caller, make_call
from recognizer import spoken_digits

from augment_workers.artifact_files import ArtifactFiles, ArtifactFolder
from augment_workers.base import AugmentationError
from augment_workers.speech import espeak_process
from augment_workers.speech.augmentation import Speech
from augment_workers.speech.engine import Advance, Recording
from augment_workers.speech.espeak import Espeak
from augment_workers.speech.options import EspeakOptions

LONG = "The meeting is moved to three o'clock on Friday, in the small room. " * 200


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


async def speak(engine: Espeak, text: str) -> tuple[list[Advance], Recording]:
    *advances, recording = [step async for step in engine.synthesize(text)]
    assert isinstance(recording, Recording)
    return [step for step in advances if isinstance(step, Advance)], recording


def speaking() -> list[psutil.Process]:
    """The processes that speak, and those of them that nobody has waited for."""
    found = []
    for child in psutil.Process().children():
        # One that is killed may be waited for, and gone, while we look at it.
        with suppress(psutil.NoSuchProcess):
            waits = child.status() == psutil.STATUS_ZOMBIE
            if waits or espeak_process.__file__ in child.cmdline():
                found.append(child)
    return found


@pytest.mark.parametrize(
    "text",
    ["three one four one five nine", "two seven one eight two eight", "six zero nine four"],
)
async def test_a_recognizer_understands_it(espeak: Espeak, text: str) -> None:
    _, recording = await speak(espeak, text)
    assert spoken_digits(recording.to_wav()) == text


async def test_it_sounds_like_speech(espeak: Espeak) -> None:
    text = "The quick brown fox jumps over the lazy dog and runs into the forest."
    _, recording = await speak(espeak, text)
    # 175 words a minute: 0.34 s a word.
    assert 0.2 < recording.duration_s / len(text.split()) < 0.6
    samples = array("h", recording.samples)
    mean_power = sum(sample * sample for sample in samples) / len(samples)
    assert mean_power**0.5 > 500
    assert max(map(abs, samples)) < 32767
    # Vowels and pauses: neither a tone nor noise is loud here and nearly silent there.
    window = recording.sample_rate_hz // 50
    loudness = sorted(
        max(map(abs, samples[i : i + window])) for i in range(0, len(samples), window)
    )
    assert loudness[len(loudness) // 20] < 0.1 * loudness[-1]


async def test_progress_goes_up_and_the_rest_down_to_nothing(espeak: Espeak) -> None:
    advances, _ = await speak(espeak, LONG[:2000])
    fractions = [step.fraction for step in advances]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) > 100
    assert fractions[-1] > 0.98
    assert all(step.eta_s >= 0 for step in advances)
    assert advances[-1].eta_s < 0.1 * max(step.eta_s for step in advances)


async def test_voices_and_paces_differ() -> None:
    text = "one hundred and twenty birds"
    recordings = [
        (await speak(engine, text))[1]
        for engine in (
            Espeak(),
            Espeak("de"),
            Espeak(options=EspeakOptions(pitch=90)),
            Espeak(options=EspeakOptions(words_per_minute=300)),
        )
    ]
    assert len({recording.samples for recording in recordings}) == 4
    assert recordings[3].duration_s < 0.75 * recordings[0].duration_s


async def test_markup_and_phoneme_codes_are_read_as_text(espeak: Espeak) -> None:
    _, plain = await speak(espeak, "hello")
    for marked in ("<break time='9s'/> hello", "[[h@l'oU]]"):
        _, recording = await speak(espeak, marked)
        assert recording.samples != plain.samples
        assert recording.duration_s < 8


async def test_closing_the_generator_kills_the_process(espeak: Espeak) -> None:
    async with aclosing(espeak.synthesize(LONG)) as steps:
        assert isinstance(await anext(steps), Advance)
        assert len(speaking()) == 1
    assert speaking() == []


async def test_cancellation_kills_the_process(espeak: Espeak) -> None:
    async def listen(steps: AsyncGenerator[Advance | Recording, None]) -> None:
        async with aclosing(steps):
            async for _ in steps:
                begun.set()

    begun = asyncio.Event()
    task = asyncio.create_task(listen(espeak.synthesize(LONG)))
    await asyncio.wait_for(begun.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert speaking() == []


async def test_a_crash_is_an_error_that_may_be_retried(espeak: Espeak) -> None:
    with pytest.raises(AugmentationError, match="ended with status -9") as caught:
        async for _ in espeak.synthesize(LONG):
            for child in speaking():
                with suppress(psutil.NoSuchProcess):
                    child.kill()
    assert caught.value.retryable
    assert speaking() == []
    _, recording = await speak(espeak, "still here")
    assert recording.duration_s > 0.3


@pytest.mark.parametrize("end", ENDS)
async def test_without_a_caller_the_process_is_killed(tmp_path: Path, end: str) -> None:
    folder = ArtifactFolder(
        url=str(tmp_path / "kept"),
        max_bytes=2**26,
        max_artifact_bytes=2**26,
        time_to_live_s=60.0,
    )
    speech = Speech(ArtifactFiles(folder), max_characters=10**7)
    await lose_its_caller(speech, make_call(arguments={"text": LONG * 50}), end, speaking)
    assert speaking() == []
    assert not list(tmp_path.rglob("*.wav"))


def test_an_unknown_voice_stops_the_deployment() -> None:
    with pytest.raises(RuntimeError, match=r"no voice 'klingonese'.*options\.voice"):
        Espeak("klingonese")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(RuntimeError, match="pip install espeakng-loader"):
        Espeak()
