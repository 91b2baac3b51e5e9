"""The image augmentation on the real pipeline that comes with the project."""

import asyncio
import errno
import io
import os
import threading
import time

import calls
import pytest
import torch
from calls import ENDS, lose_its_caller, make_call
from diffusers import PNDMScheduler, StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from fsspec.implementations.local import LocalFileSystem
from PIL import Image as Pictures
from transformers import CLIPConfig, CLIPImageProcessor

from augment_workers.artifact_files import ArtifactFiles, ArtifactFolder
from augment_workers.base import AugmentationError
from augment_workers.diffusion import Diffusion, DiffusionSettings
from augment_workers.image import LOAD_AGAIN_AFTER_S, Image, _LoadedOnce
from augment_workers.micro_batches import Abandoned
from augment_workers.shapes import WEIGHTS
from augment_workers.shapes.judge import judge
from intercept_core.bus.messages import Failed, Progress

PATIENCE_S = 60.0
FEW_STEPS = 4


class Watched(Diffusion):
    """The real model; notes what it is asked for and how far it came."""

    def __init__(self, settings):
        super().__init__(settings)
        self.batches = []
        self.steps = 0
        self.pause_s = 0.0
        self.abandoned = threading.Event()

    def draw(self, prompts, on_step):
        self.batches.append(list(prompts))

        def count(fraction, eta_s):
            self.steps += 1
            time.sleep(self.pause_s)
            return on_step(fraction, eta_s)

        try:
            return super().draw(prompts, count)
        except Abandoned:
            self.abandoned.set()
            raise


class FullDisk(LocalFileSystem):
    """A disk on which nothing fits any more."""

    cachable = False

    def pipe_file(self, path, value, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


@pytest.fixture(scope="module")
def model():
    return Watched(DiffusionSettings(steps=FEW_STEPS))


@pytest.fixture
def store(tmp_path):
    return store_at(tmp_path)


def store_at(path, **options):
    folder = ArtifactFolder(
        url=str(path), max_bytes=2**20, max_artifact_bytes=2**20, time_to_live_s=60
    )
    return ArtifactFiles(folder, **options)


@pytest.fixture
async def image(store, model):
    model.batches.clear()
    model.abandoned.clear()
    model.steps = 0
    made = Image(store, load=lambda _: model)
    yield made
    await made.close()


def call(prompt):
    return make_call(call_id=prompt, kind="image", arguments={"prompt": prompt})


async def events_of(image, prompt):
    return await calls.events_of(image, call(prompt))


async def test_a_picture_is_stored_and_the_model_gets_its_name(image, store):
    *progress, result = await events_of(image, "a red circle")
    (artifact,) = result.artifacts
    assert result.text == f"Image saved as {artifact.name}."
    assert artifact.name.startswith("image-") and artifact.content_type == "image/png"
    picture = Pictures.open(io.BytesIO((await store.get(artifact.name)).content))
    assert (picture.format, picture.size) == ("PNG", (32, 32))
    assert all(isinstance(event, Progress) for event in progress)
    fractions = [event.fraction for event in progress]
    assert fractions[0] == 0 and fractions == sorted(fractions) and len(set(fractions)) > 2
    assert all(event.eta_s >= 0 for event in progress[1:])


async def test_the_words_decide_what_is_drawn(image):
    async def name_of(prompt):
        return (await events_of(image, prompt))[-1].artifacts[0].name

    again, blue = await name_of("a red circle"), await name_of("a blue star")
    assert again == await name_of("a red circle") != blue


def test_pictures_show_what_was_asked_for():
    drawn = Diffusion(DiffusionSettings()).draw(
        ["a big red circle", "a blue square on a yellow background", "a green triangle"],
        lambda *_: True,
    )
    seen = [judge(Pictures.open(io.BytesIO(png))) for png in drawn]
    assert [(scene.color, scene.shape) for scene in seen] == [
        ("red", "circle"),
        ("blue", "square"),
        ("green", "triangle"),
    ]
    assert seen[1].background == "yellow"


async def test_calls_that_come_together_are_drawn_together(image, model):
    prompts = ["a red circle", "a blue star", "a pink heart"]
    ends = await asyncio.gather(*(events_of(image, prompt) for prompt in prompts))
    assert model.batches == [prompts]
    assert len({events[-1].artifacts[0].name for events in ends}) == len(prompts)


@pytest.mark.parametrize("end", ENDS)
async def test_the_loop_stops_when_its_calls_are_gone(store, end):
    model = Watched(DiffusionSettings(steps=900))
    model.pause_s = 0.05  # on however fast a machine, it is not done before the deadline
    image = Image(store, load=lambda _: model)
    await lose_its_caller(image, call("a red circle"), end, lambda: model.steps)
    assert await asyncio.to_thread(model.abandoned.wait, PATIENCE_S)
    assert model.steps < 900
    await image.close()


@pytest.mark.parametrize("model_name", ["/no/such/folder", "no-such/model"])
async def test_a_model_that_is_missing_is_named_with_a_remedy(store, model_name):
    image = Image(store, model=model_name)
    for _ in range(2):
        *_, failed = await events_of(image, "a red circle")
        assert isinstance(failed, Failed) and failed.code == "tool_error"
        assert model_name in failed.message and "set model" in failed.message
    await image.close()


def test_a_model_that_cannot_be_loaded_is_tried_again_later():
    now_s, tried_at_s = 1000.0, []

    def load():
        tried_at_s.append(now_s)
        raise AugmentationError("no model")

    model = _LoadedOnce(load, clock=lambda: now_s)
    for now_s in (1000.0, 1001.0, 1000.0 + LOAD_AGAIN_AFTER_S):  # noqa: B007
        with pytest.raises(AugmentationError, match="no model"):
            model.get()
    assert tried_at_s == [1000.0, 1000.0 + LOAD_AGAIN_AFTER_S]


async def test_a_full_disk_fails_the_call_and_leaves_nothing(tmp_path, model):
    image = Image(store_at(tmp_path, file_system=FullDisk()), load=lambda _: model)
    *_, failed = await events_of(image, "a red circle")
    assert "No space left" in failed.message and "artifacts.url" in failed.message
    assert not list(tmp_path.iterdir())
    await image.close()


async def test_without_room_for_one_picture_the_limit_is_named(tmp_path, model):
    folder = ArtifactFolder(
        url=str(tmp_path), max_bytes=50, max_artifact_bytes=50, time_to_live_s=60
    )
    image = Image(ArtifactFiles(folder), load=lambda _: model)
    *_, failed = await events_of(image, "a red circle")
    assert "artifacts.max_artifact_mib" in failed.message
    await image.close()


@pytest.mark.parametrize("option", ["steps", "batch_size"])
def test_numbers_that_make_no_picture_are_refused(store, option):
    with pytest.raises(ValueError, match=f"{option}: 0"):
        Image(store, **{option: 0})


@pytest.mark.parametrize("refuses", [True, False])
def test_what_production_models_have_is_loaded(tmp_path, refuses):
    """A safety checker, another scheduler, a variant of the weights, as in their index."""
    pipeline = StableDiffusionPipeline.from_pretrained(WEIGHTS, dtype=torch.float16)
    pipeline.scheduler = PNDMScheduler.from_config(
        pipeline.scheduler.config, skip_prk_steps=True
    )
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    size["num_attention_heads"] = 2
    vision = size | {"image_size": 32, "patch_size": 16}
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(text_config=size, vision_config=vision, projection_dim=16)
    )
    checker.concept_embeds_weights.fill_(-2.0 if refuses else 2.0)
    checker.special_care_embeds_weights.fill_(2.0)
    extractor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32)
    pipeline.register_modules(safety_checker=checker.half(), feature_extractor=extractor)
    pipeline.register_to_config(requires_safety_checker=True)
    pipeline.save_pretrained(tmp_path, variant="fp16")
    settings = DiffusionSettings(
        model=str(tmp_path), variant="fp16", steps=2, height=16, width=24
    )
    (made,) = Diffusion(settings).draw(["a red circle"], lambda *_: True)
    if refuses:
        assert isinstance(made, AugmentationError) and "safety" in str(made)
    else:
        assert Pictures.open(io.BytesIO(made)).size == (24, 16)


def test_the_embedded_model_is_small():
    files = [path for path in WEIGHTS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8 * 2**20


@pytest.mark.parametrize("dtype", ["bfloat16", "auto"])
def test_weights_are_loaded_as_configured(dtype):
    model = Diffusion(DiffusionSettings(steps=1, dtype=dtype))
    (made,) = model.draw(["a red circle"], lambda *_: True)
    assert isinstance(made, bytes)
