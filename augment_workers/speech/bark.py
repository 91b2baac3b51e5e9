"""Bark, a neural model of speech: three transformers and a codec, through transformers.

The first transformer turns text into semantic tokens, the second these into the coarse
codes of the sound, the third adds the fine codes; the codec makes samples of them.
"""

import asyncio
import logging
import re
import textwrap
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from transformers import AutoProcessor, BarkModel

from augment_workers.speech.bark_steps import EveryStep, Planner, Watch
from augment_workers.speech.engine import SAMPLE_BYTES, Advance, Recording, SpeechEngine
from augment_workers.speech.options import BarkOptions
from augment_workers.speech.stages import StageProgress, StepTimes

_log = logging.getLogger(__name__)

_STEP_GUESSES_S = {"semantic": 0.02, "coarse": 0.025, "fine": 0.4}


class Bark(SpeechEngine):
    """One model, which speaks one text at a time; others wait for it.

    Args:
        voice: A preset of the model's (``v2/en_speaker_6``), or the path of an ``.npz`` file
            of one. Without it Bark invents a speaker for each piece of a text.
        options: Which model, and where it runs.
        clock: Seconds, monotonic.

    Raises:
        RuntimeError: when the model, the voice or the device is not there.
    """

    def __init__(
        self,
        voice: str | None = None,
        options: BarkOptions | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options or BarkOptions()
        self._clock = clock
        device = _device(self._options.device)
        self._processor, self._model = _load(self._options, device)
        self._voice = _load_voice(self._processor, voice)
        if self._voice is not None:
            self._voice = self._voice.to(device)
        history = 0 if self._voice is None else self._voice["fine_prompt"].shape[-1]
        self._planner = Planner(self._model.generation_config, history)
        self._step_times = StepTimes(_STEP_GUESSES_S)
        self._closed = threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bark")
        _log.info("Speech is made by %s on %s.", self._options.model, device)

    async def synthesize(self, text: str) -> AsyncGenerator[Advance | Recording, None]:
        """See :meth:`SpeechEngine.synthesize`."""
        loop = asyncio.get_running_loop()
        news: asyncio.Queue[Advance | None] = asyncio.Queue()
        left = threading.Event()

        def report(advance: Advance) -> None:
            loop.call_soon_threadsafe(news.put_nowait, advance)

        def is_left() -> bool:
            return left.is_set() or self._closed.is_set()

        work = loop.run_in_executor(self._thread, self._speak, text, report, is_left)
        work.add_done_callback(lambda _: news.put_nowait(None))
        try:
            while (advance := await news.get()) is not None:
                yield advance
            yield await work
        finally:
            # The thread ends at its next step; a text that still waits never begins.
            left.set()
            work.cancel()

    async def close(self) -> None:
        """See :meth:`SpeechEngine.close`."""
        self._closed.set()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    def _speak(
        self, text: str, report: Callable[[Advance], None], is_left: Callable[[], bool]
    ) -> Recording:
        pieces = split(text, self._options.piece_characters)
        plans = [self._planner.guess(piece) for piece in pieces]
        progress = StageProgress(plans, self._step_times, self._clock)
        watch = Watch(progress, self._planner, report, is_left)
        rate_hz = self._model.generation_config.sample_rate
        pause = bytes(SAMPLE_BYTES * int(rate_hz * self._options.pause_s))
        return Recording(pause.join(self._generate(piece, watch) for piece in pieces), rate_hz)

    def _generate(self, text: str, watch: Watch) -> bytes:
        """The samples of one piece."""
        watch.begin_piece()
        # The last layer of the third transformer: its ``forward`` is called past its hooks.
        last_layer = self._model.fine_acoustics.layernorm_final
        hook = last_layer.register_forward_hook(lambda *_: watch.step("fine"))
        inputs = self._processor(text).to(self._model.device)
        if self._options.min_eos_p is not None:
            inputs["min_eos_p"] = self._options.min_eos_p
        try:
            audio = self._model.generate(
                **inputs,
                history_prompt=self._voice,
                semantic_stopping_criteria=[EveryStep(watch, "semantic")],
                coarse_stopping_criteria=[EveryStep(watch, "coarse")],
            )
        finally:
            hook.remove()
        samples = audio[0].float().clamp(-1, 1).mul(32767).round()
        return samples.to("cpu", torch.int16).numpy().astype("<i2").tobytes()


def _device(name: str) -> torch.device:
    has_gpu = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if has_gpu else "cpu")
    if name.startswith("cuda") and not has_gpu:
        raise RuntimeError(
            f"speech: options.bark.device is {name!r}, but torch sees no GPU here; give the "
            "augmentation one with num_gpus, or set the device to cpu"
        )
    return torch.device(name)


def _load(options: BarkOptions, device: torch.device) -> tuple[Any, Any]:
    """The processor and the model, ready to speak."""
    name = options.dtype
    if name == "auto":
        name = "float16" if device.type == "cuda" else "float32"
    try:
        processor = AutoProcessor.from_pretrained(options.model)
        model = BarkModel.from_pretrained(options.model, dtype=getattr(torch, name))
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise RuntimeError(
            f"speech: options.bark.model {options.model!r} cannot be loaded ({reason}); give "
            "the id of a Bark model and a way to its hub, or the folder of a downloaded one, "
            "or set options.engine to espeak"
        ) from error
    return processor, model.to(device).eval()


def _load_voice(processor: Any, voice: str | None) -> Any:
    """The example of a voice that the model goes on from, as tensors."""
    if voice is None:
        return None
    presets = processor.available_voice_presets
    if voice not in presets and not Path(voice).is_file():
        raise RuntimeError(
            f"speech: options.voice is {voice!r}, which the model does not have; it has "
            f"{', '.join(presets[:5]) or 'none'}{', ...' if len(presets) > 5 else ''}"
        )
    return processor("", voice_preset=voice)["history_prompt"]


def split(text: str, limit_characters: int) -> list[str]:
    """``text`` in pieces of whole sentences, as many as fit; a longer one in parts."""
    pieces = [""]
    for sentence in re.split(r"(?<=[.!?:;])\s+", text):
        for part in textwrap.wrap(sentence, limit_characters):
            joined = f"{pieces[-1]} {part}".strip()
            if len(joined) <= limit_characters:
                pieces[-1] = joined
            else:
                pieces.append(part)
    return pieces
