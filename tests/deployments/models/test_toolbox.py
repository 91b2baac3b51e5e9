"""Calls as a model writes them, right and wrong."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from deployments.models.toolbox import SILENCE, Toolbox, read_call


@pytest.fixture(scope="module")
def toolbox() -> Iterator[Toolbox]:
    with Toolbox() as made:
        yield made


def written(name: str, **arguments: Any) -> str:
    call = json.dumps({"name": name, "arguments": arguments})
    return f"I think.\n<tool_call>\n{call}\n</tool_call>"


def test_a_good_call_is_run(toolbox: Toolbox) -> None:
    call = read_call(written("calculator", expression="6*7"))
    assert call == {"name": "calculator", "arguments": {"expression": "6*7"}}
    assert toolbox.run("session", call) == "42"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no json", "not readable"),
        ('{"name": "calculator"}', "not readable"),
        ('{"name": "abacus", "arguments": {}}', "no tool abacus"),
        ('{"name": "calculator", "arguments": {}}', "do not fit"),
        ('{"name": "calculator", "arguments": {"expression": "1/0"}}', "division by zero"),
        ('{"name": "alfworld", "arguments": {"action": "look"}}', "No game is under way"),
    ],
)
def test_a_bad_call_gets_an_error_to_read(toolbox: Toolbox, body: str, reason: str) -> None:
    result = toolbox.run("session", read_call(f"<tool_call>\n{body}\n</tool_call>"))
    assert result.startswith("Error: ")
    assert reason in result


def test_a_certain_game_begins(toolbox: Toolbox) -> None:
    name = "look-watch-desklamp"
    started = read_call(written("alfworld", action="start"))
    assert "There is no game look-watch" in toolbox.run("one", started, game=name)
    assert "Your task is to: " in toolbox.run("two", started)


def test_speech_is_kept_as_an_artifact(toolbox: Toolbox) -> None:
    result = toolbox.run("session", read_call(written("speech", text="Hello.")))
    assert result.startswith("Speech saved as speech-")


def test_nobody_sits_at_the_other_end(toolbox: Toolbox) -> None:
    assert toolbox.run("session", read_call(written("chatbot", message="Who?"))) == SILENCE
