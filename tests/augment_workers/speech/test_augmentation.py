import asyncio
import io
import wave
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from augment_workers.artifact_files import ArtifactFiles, ArtifactFolder
from augment_workers.base import AugmentationError
from augment_workers.registry import RegistryError, check_options, create
from augment_workers.runner import execute
from augment_workers.speech.augmentation import Speech
from augment_workers.speech.engine import Advance, Recording, SpeechEngine
from augment_workers.speech.options import BarkOptions, EspeakOptions
from intercept_core.bus.messages import Accepted, Call, Event, Failed, Progress, Result

MakeCall = Callable[..., Call]


class FakeEngine(SpeechEngine):
    """Says what it was given, one second of a constant tone, after some steps."""

    def __init__(self, *steps: Advance, samples: bytes = b"\1\0" * 1000) -> None:
        self._steps = steps
        self._samples = samples
        self.texts: list[str] = []
        self.open = 0
        self.closed = False

    async def synthesize(self, text: str) -> AsyncGenerator[Advance | Recording, None]:
        self.texts.append(text)
        self.open += 1
        try:
            for step in self._steps:
                yield step
            yield Recording(self._samples, 1000)
        finally:
            self.open -= 1

    async def close(self) -> None:
        self.closed = True


class Clock:
    """A second later at each look."""

    now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 1.0
        return self.now_s


@pytest.fixture
def store(tmp_path: Path) -> ArtifactFiles:
    return ArtifactFiles(
        ArtifactFolder(
            url=str(tmp_path / "artifacts"),
            max_bytes=2**24,
            max_artifact_bytes=2**24,
            time_to_live_s=3600.0,
        )
    )


async def say(speech: Speech, make_call: MakeCall, text: str) -> list[Event]:
    return [event async for event in speech.run(make_call(arguments={"text": text}))]


async def test_the_result_names_a_file_in_the_store(
    store: ArtifactFiles, make_call: MakeCall
) -> None:
    (result,) = await say(Speech(store, FakeEngine()), make_call, "hello")
    assert isinstance(result, Result)
    (artifact,) = result.artifacts
    assert result.text == f"Speech saved as {artifact.name} (1.0 s)."
    assert artifact.name.startswith("speech-")
    assert artifact.content_type == "audio/wav"
    content = (await store.get(artifact.name)).content
    assert artifact.size_bytes == len(content)
    with wave.open(io.BytesIO(content)) as wav:
        assert wav.getnframes() == 1000


async def test_progress_is_reported_at_intervals(
    store: ArtifactFiles, make_call: MakeCall
) -> None:
    steps = [Advance(i / 10, 10.0 - i) for i in range(10)]
    speech = Speech(store, FakeEngine(*steps), progress_interval_s=3.0, clock=Clock())
    *reports, result = await say(speech, make_call, "hello")
    assert isinstance(result, Result)
    told = [(one.fraction, one.eta_s) for one in reports if isinstance(one, Progress)]
    assert told == [(0.2, 8.0), (0.5, 5.0), (0.8, 2.0)]


async def test_every_step_is_reported_without_an_interval(
    store: ArtifactFiles, make_call: MakeCall
) -> None:
    engine = FakeEngine(Advance(0.25, 3.0), Advance(0.75, 1.0))
    events = await say(Speech(store, engine, progress_interval_s=0.0), make_call, "hello")
    assert [type(event) for event in events] == [Progress, Progress, Result]


async def test_control_characters_never_reach_the_engine(
    store: ArtifactFiles, make_call: MakeCall
) -> None:
    engine = FakeEngine()
    await say(Speech(store, engine), make_call, " one\x01 99P\0two\n\nthree \ud800four ")
    assert engine.texts == ["one 99P two three four"]


async def test_a_long_text_is_refused_before_any_work(
    store: ArtifactFiles, make_call: MakeCall
) -> None:
    engine = FakeEngine()
    with pytest.raises(AugmentationError, match="31 characters, and at most 30") as caught:
        await say(Speech(store, engine, max_characters=30), make_call, "x" * 31)
    assert caught.value.code == "bad_arguments"
    assert engine.texts == []


@pytest.mark.parametrize("samples", [b"", bytes(1000)])
async def test_silence_is_an_error(
    samples: bytes, store: ArtifactFiles, make_call: MakeCall, tmp_path: Path
) -> None:
    speech = Speech(store, FakeEngine(samples=samples))
    with pytest.raises(AugmentationError, match="give words"):
        await say(speech, make_call, "...")
    assert not list(tmp_path.rglob("*.wav"))


async def test_control_characters_alone_are_an_error(
    store: ArtifactFiles, make_call: MakeCall
) -> None:
    engine = FakeEngine()
    with pytest.raises(AugmentationError, match="give words"):
        await say(Speech(store, engine), make_call, "\x01\0")
    assert engine.texts == []


@pytest.mark.parametrize("arguments", [{}, {"text": ""}, {"text": " \n"}, {"text": 5}])
async def test_arguments_that_are_no_text_are_refused(
    arguments: dict[str, Any], store: ArtifactFiles, make_call: MakeCall
) -> None:
    engine = FakeEngine()
    call = make_call(kind="speech", arguments=arguments)
    events = execute(Speech(store, engine), call, worker="here", result_limit_chars=100)
    accepted, failed = [event async for event in events]
    assert isinstance(accepted, Accepted)
    assert isinstance(failed, Failed)
    assert failed.code == "bad_arguments"
    assert engine.texts == []


async def test_a_client_that_leaves_closes_the_engine(
    store: ArtifactFiles, make_call: MakeCall
) -> None:
    engine = FakeEngine(Advance(0.5, 1.0))
    speech = Speech(store, engine, progress_interval_s=0.0)
    events = execute(
        speech, make_call(arguments={"text": "a"}), worker="here", result_limit_chars=99
    )
    async for event in events:
        if isinstance(event, Progress):
            break
    assert engine.open == 1
    await events.aclose()
    assert engine.open == 0


async def test_a_store_without_room_fails_the_call(make_call: MakeCall, tmp_path: Path) -> None:
    small = ArtifactFiles(
        ArtifactFolder(
            url=str(tmp_path), max_bytes=2**20, max_artifact_bytes=1000, time_to_live_s=60.0
        )
    )
    with pytest.raises(AugmentationError, match="max_artifact_mib"):
        await say(Speech(small, FakeEngine()), make_call, "hello")
    assert not list(tmp_path.rglob("*.wav"))


async def test_closing_closes_the_engine(store: ArtifactFiles) -> None:
    engine = FakeEngine()
    await Speech(store, engine).close()
    assert engine.closed


async def test_the_default_speaks(store: ArtifactFiles, make_call: MakeCall) -> None:
    speech = create("speech", artifacts=store)
    assert isinstance(speech, Speech)
    both = await asyncio.gather(
        say(speech, make_call, "Good morning."), say(speech, make_call, "Good night.")
    )
    names = set()
    for *_, result in both:
        assert isinstance(result, Result)
        names.add(result.artifacts[0].name)
    assert len(names) == 2
    *_, again = await say(speech, make_call, "Good night.")
    assert isinstance(again, Result)
    assert again.artifacts[0].name in names


def test_options_are_checked_without_making_an_engine() -> None:
    options = {
        "engine": "bark",
        "voice": "v2/en_speaker_6",
        "bark": {"model": "some/bark", "dtype": "float16"},
    }
    assert check_options("speech", options) == {
        "engine": "bark",
        "voice": "v2/en_speaker_6",
        "bark": BarkOptions(model="some/bark", dtype="float16"),
    }
    assert check_options("speech", {"espeak": {"pitch": 20}}) == {
        "espeak": EspeakOptions(pitch=20)
    }


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"engine": "festival"}, "engine"),
        ({"voices": "en"}, "there is no option voices"),
        ({"espeak": {"pitch": 200}}, "espeak.pitch"),
        ({"bark": {"dtype": "int4"}}, "bark.dtype"),
        ({"max_characters": 0}, "max_characters"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RegistryError, match=complaint):
        check_options("speech", options)
