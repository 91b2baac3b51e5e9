"""The examples do what they say, against the real servers that come with them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import calls
import pytest
from calls import make_call
from example_configs import FOLDER, augmentations_of, weather_app
from live_server import live_server

from augment_workers import registry
from augment_workers.base import Augmentation
from deployments.config import AugmentationSection
from deployments.serving.deploy_file import DeployFileError, load_deploy_file
from intercept_core.bus.messages import Event, Failed, Progress, Result


@pytest.fixture(autouse=True)
def dice_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)


@asynccontextmanager
async def made(example: str, name: str, **changes: Any) -> AsyncIterator[Augmentation]:
    section = AugmentationSection.model_validate(augmentations_of(example, **changes)[name])
    augmentation = registry.create(section.type, section.options)
    try:
        yield augmentation
    finally:
        await augmentation.close()


async def events_of(augmentation: Augmentation, kind: str, **arguments: Any) -> list[Event]:
    return await calls.events_of(augmentation, make_call(kind=kind, arguments=arguments))


async def text_of(augmentation: Augmentation, kind: str, **arguments: Any) -> str:
    *_, result = await events_of(augmentation, kind, **arguments)
    assert isinstance(result, Result), result
    return result.text


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_can_be_deployed(path: Any) -> None:
    (config,) = load_deploy_file(path).applications.values()
    assert config.augmentations


async def test_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEATHER_TOKEN", "a-secret")
    with live_server(weather_app()) as port:
        url = f"http://127.0.0.1:{port}"
        async with made("http.yaml", "forecast", weather_url=url) as forecast:
            text = await text_of(forecast, "forecast", city="Oslo", days=2)
            assert text.startswith('[{"day": 0, "sky": "')
            assert text.count("celsius") == 2
            (failed,) = await events_of(forecast, "forecast", city="R2D2")
            assert isinstance(failed, Failed)
            assert failed.message == 'HTTP status 404: {"detail":"there is no city R2D2"}'
        async with made("http.yaml", "report", weather_url=url) as report:
            *progress, result = await events_of(report, "report", city="Oslo", days=4)
            fractions = [one.fraction for one in progress if isinstance(one, Progress)]
            assert fractions == [0.25, 0.5, 0.75, 1.0]
            assert isinstance(result, Result)
            assert result.text.startswith("The warmest day will have ")


async def test_mcp() -> None:
    async with made("mcp.yaml", "notes") as notes:
        assert set(await notes.tools()) == {"add_note", "find_notes"}
        assert await text_of(notes, "add_note", text="Buy milk.") == "Note 1 is written."
        assert await text_of(notes, "add_note", text="Call Ada.") == "Note 2 is written."
        *progress, result = await events_of(notes, "find_notes", word="MILK")
        assert [one.fraction for one in progress if isinstance(one, Progress)] == [0.5, 1.0]
        assert isinstance(result, Result) and result.text == "1. Buy milk."
        (failed,) = await events_of(notes, "forget_everything")
        assert isinstance(failed, Failed) and failed.code == "unknown_tool"


async def test_python() -> None:
    async with made("python.yaml", "dice") as dice:
        rolls = await text_of(dice, "dice", number=3)
        assert len(rolls.split()) == 3
        assert all(1 <= int(roll) <= 6 for roll in rolls.split())
        *_, failed = await events_of(dice, "dice", number=1, sides=21)
        assert isinstance(failed, Failed) and "20 sides at most" in failed.message


def test_an_error_of_the_file_shows_no_secret(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEATHER_TOKEN", "a-secret")
    file = tmp_path / "broken.yaml"
    file.write_text((FOLDER / "http.yaml").read_text().replace("attempts: 3", "atempts: 3"))
    with pytest.raises(DeployFileError, match=r"no option atempts") as error:
        load_deploy_file(file)
    assert "a-secret" not in str(error.value)
