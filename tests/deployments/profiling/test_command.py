import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from in_process_engine import InProcessEngine
from PIL import Image
from random_llama import write_random_llama

from deployments.cli import main
from deployments.profiling import command as profile_command
from deployments.serving.deploy_file import load_deploy_file
from intercept_core.policy.cost_profile import read_profile

CONFIG = """
applications:
- name: one
  import_path: deployments.builder:build
  args:
    model: a-model
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "app.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command's engine is one of the tests', which outlives the command."""
    model = write_random_llama(tmp_path / "model")
    engine = InProcessEngine(model, async_scheduling=False)
    core = engine.core
    monkeypatch.setattr(core, "shutdown", lambda: None)
    monkeypatch.setattr(profile_command, "start_core", lambda config: core)
    with engine._own_connector():
        yield
    monkeypatch.undo()
    core.shutdown()


def test_measures_and_writes_beside_the_configuration(
    started: None, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", "--config", str(config), "--quick"]) == 0
    output = config.with_suffix(".profile.json")
    written = json.loads(output.read_text())
    assert written["model"] == "a-model"
    assert written["quick"] is True
    assert written["block_tokens"] == 32
    assert written["copies_measured"] is False
    assert written["machine"]["cores"] >= 1
    assert written["p90_relative_error"] >= written["median_relative_error"] >= 0
    assert {made["held_out"] for made in written["iterations"]} == {True, False}
    assert written["copies"] == []
    with Image.open(config.with_suffix(".profile.png")) as image:
        assert image.size == (1200, 760)
    said = capsys.readouterr().out
    for part in ("saturation (S)", "prediction error", "profile: app.profile.json"):
        assert part in said

    config.write_text(CONFIG + "    scheduler: {profile: app.profile.json}\n")
    profiled = load_deploy_file(config).applications["/"].scheduler.profile
    assert profiled == read_profile(output)


def test_a_missing_folder_ends_it_before_anything_starts(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = config.parent / "nowhere" / "x.json"
    assert main(["profile", "--config", str(config), "--output", str(output)]) == 1
    assert f"{output}: there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["p.xyz", "p"])
def test_an_ending_of_no_picture_ends_it_before_anything_starts(
    config: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    plot = config.with_name(name)
    assert main(["profile", "--config", str(config), "--plot", str(plot)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"infercept: {plot}: ")
    assert "no format of pictures; end it with .png" in error


def test_what_was_measured_is_told_even_if_it_cannot_be_drawn(
    started: None,
    config: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*args: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(profile_command, "write_plot", fail)
    assert main(["profile", "--config", str(config), "--quick"]) == 1
    said = capsys.readouterr()
    assert "saturation (S)" in said.out
    assert "the disk is full" in said.err


def test_an_interrupted_one_says_so_with_its_exit_code(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(config: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(profile_command, "start_core", interrupt)
    assert main(["profile", "--config", str(config)]) == 130
    assert "interrupted; nothing is written" in capsys.readouterr().err


def test_an_engine_that_does_not_start_is_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(config: Any) -> Any:
        raise ValueError("max_model_len: too long")

    monkeypatch.setattr(profile_command, "start_core", fail)
    assert main(["profile", "--config", str(config)]) == 1
    assert capsys.readouterr().err == "infercept: max_model_len: too long\n"
    assert not config.with_suffix(".profile.json").exists()
