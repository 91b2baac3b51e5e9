import asyncio
import threading
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_bark import SEMANTIC_TOKENS, VOICE, make_tiny_bark

from augment_workers.artifact_files import ArtifactFiles, ArtifactFolder
from augment_workers.registry import create
from augment_workers.speech.bark import Bark, split
from augment_workers.speech.bark_steps import Stopped
from augment_workers.speech.engine import Advance, Recording
from augment_workers.speech.options import BarkOptions
from intercept_core.bus.messages import Call, Progress, Result

MakeCall = Callable[..., Call]

FRAMES = 18
"""Of the codec, for the tiny model's semantic tokens: 75 a second for 49.9."""

STEPS = SEMANTIC_TOKENS + 2 * FRAMES + 6
"""Tokens of two transformers, and one pass of the third for each of six code books."""

BEGINNING = 2
"""Looks at the clock before the first step of a text of one piece."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bark(tmp_path_factory.mktemp("bark"))


class Clock:
    """Ticks a second at each look, of which every step takes one; can hold the model up."""

    def __init__(self) -> None:
        self.looks = 0
        self._hold_at: int | None = None
        self._go_on = threading.Event()
        self.holding = threading.Event()

    def __call__(self) -> float:
        self.looks += 1
        if self.looks == self._hold_at:
            self.holding.set()
            assert self._go_on.wait(60)
        return float(self.looks)

    def hold_at(self, look: int) -> None:
        self.looks, self._hold_at = 0, look
        self._go_on.clear()
        self.holding.clear()

    def go_on(self) -> None:
        self._go_on.set()


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def bark(folder: Path, clock: Clock) -> Iterator[Bark]:
    engine = Bark(options=BarkOptions(model=str(folder)), clock=clock)
    yield engine
    asyncio.run(engine.close())


async def speak(engine: Bark, text: str) -> tuple[list[Advance], Recording]:
    *advances, recording = [step async for step in engine.synthesize(text)]
    assert isinstance(recording, Recording)
    return [step for step in advances if isinstance(step, Advance)], recording


async def test_it_makes_sound(bark: Bark) -> None:
    _, recording = await speak(bark, "hello there")
    assert recording.sample_rate_hz == 24000
    assert recording.duration_s == pytest.approx(FRAMES / 75)
    assert any(recording.samples)


async def test_all_stages_tell_fraction_and_eta(bark: Bark) -> None:
    advances, _ = await speak(bark, "hello there")
    assert len(advances) == STEPS
    fractions = [step.fraction for step in advances]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < fractions[SEMANTIC_TOKENS] < fractions[-7] < fractions[-1] == 1
    assert all(step.eta_s > 0 for step in advances[:-1])
    assert advances[-1].eta_s == 0


async def test_a_long_text_is_spoken_in_pieces(folder: Path) -> None:
    options = BarkOptions(model=str(folder), piece_characters=20, pause_s=0.5)
    engine = Bark(options=options)
    advances, recording = await speak(engine, "One sentence. Then another one. And a third.")
    await engine.close()
    assert len(advances) == 3 * STEPS
    assert advances[STEPS].fraction < 0.9
    assert recording.duration_s == pytest.approx(3 * FRAMES / 75 + 2 * 0.5)
    pause = array("h", recording.samples)[FRAMES * 320 : FRAMES * 320 + 12000]
    assert len(pause) == 12000 and not any(pause)


async def test_a_preset_gives_the_voice(folder: Path) -> None:
    engine = Bark(VOICE, BarkOptions(model=str(folder), dtype="bfloat16"))
    advances, recording = await speak(engine, "hello there")
    await engine.close()
    assert recording.duration_s == pytest.approx(FRAMES / 75)
    # The example of the voice is computed along: the third transformer passes twice.
    assert len(advances) == STEPS + 6


@pytest.mark.parametrize("step", [1, SEMANTIC_TOKENS + 2, STEPS - 2])
async def test_a_text_that_nobody_waits_for_is_left_in_any_stage(
    bark: Bark, clock: Clock, step: int
) -> None:
    clock.hold_at(BEGINNING + step)
    task = asyncio.create_task(speak(bark, "hello there"))
    assert await asyncio.to_thread(clock.holding.wait, 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    clock.go_on()
    # The thread is free again; it has made no other step of the first text.
    await speak(bark, "hello there")
    assert clock.looks == BEGINNING + step + BEGINNING + STEPS


async def test_a_text_that_waits_for_its_turn_is_never_begun(bark: Bark, clock: Clock) -> None:
    clock.hold_at(BEGINNING + 1)
    first = asyncio.create_task(speak(bark, "hello there"))
    assert await asyncio.to_thread(clock.holding.wait, 60)
    second = asyncio.create_task(speak(bark, "never said"))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    clock.go_on()
    advances, _ = await first
    assert len(advances) == STEPS
    assert clock.looks == BEGINNING + STEPS


async def test_closing_the_engine_stops_the_model(folder: Path) -> None:
    clock = Clock()
    clock.hold_at(BEGINNING + 3)
    engine = Bark(options=BarkOptions(model=str(folder)), clock=clock)
    task = asyncio.create_task(speak(engine, "hello there"))
    assert await asyncio.to_thread(clock.holding.wait, 60)
    closing = asyncio.create_task(engine.close())
    await asyncio.sleep(0)
    clock.go_on()
    await closing
    with pytest.raises(Stopped):
        await task
    assert clock.looks == BEGINNING + 3


async def test_the_augmentation_loads_it_from_its_options(
    folder: Path, tmp_path: Path, make_call: MakeCall
) -> None:
    store = ArtifactFiles(
        ArtifactFolder(
            url=str(tmp_path), max_bytes=2**24, max_artifact_bytes=2**24, time_to_live_s=60.0
        )
    )
    options = {
        "engine": "bark",
        "voice": VOICE,
        "progress_interval_s": 0,
        "bark": {"model": str(folder), "device": "cpu"},
    }
    speech = create("speech", options, artifacts=store)
    call = make_call(kind="speech", arguments={"text": "hello there"})
    *reports, result = [event async for event in speech.run(call)]
    await speech.close()
    assert all(isinstance(event, Progress) for event in reports)
    assert isinstance(result, Result)
    assert result.text.endswith("(0.2 s).")


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    for model in ("nobody/no-such-bark", str(tmp_path)):
        with pytest.raises(RuntimeError, match=r"options\.bark\.model .*cannot be loaded"):
            Bark(options=BarkOptions(model=model))


def test_a_missing_voice_is_named(folder: Path) -> None:
    with pytest.raises(RuntimeError, match=r"options\.voice is 'v2/xx'.*v2/en_speaker_6"):
        Bark("v2/xx", BarkOptions(model=str(folder)))


def test_a_missing_gpu_is_named(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="num_gpus"):
        Bark(options=BarkOptions(model=str(folder), device="cuda:7"))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Short.", ["Short."]),
        ("One. Two! Three?", ["One. Two! Three?"]),
        ("First sentence. Second sentence.", ["First sentence.", "Second sentence."]),
        ("one two three four five six", ["one two three four", "five six"]),
        ("x" * 45, ["x" * 20, "x" * 20, "x" * 5]),
    ],
)
def test_texts_are_split_between_sentences(text: str, pieces: list[str]) -> None:
    assert split(text, 20) == pieces
