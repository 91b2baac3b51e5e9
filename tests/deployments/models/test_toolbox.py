"""Calls as a model writes them, right and wrong."""

import pytest

from deployments.models.toolbox import Toolbox


@pytest.fixture(scope="module")
def toolbox() -> Toolbox:
    return Toolbox()


def test_a_good_call_is_run(toolbox: Toolbox) -> None:
    text = (
        '<tool_call>\n{"name": "calculator", "arguments": {"expression": "6*7"}}\n</tool_call>'
    )
    call = {"name": "calculator", "arguments": {"expression": "6*7"}}
    assert toolbox.run("session", text) == (call, "42")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no json", "not readable"),
        ('{"name": "calculator"}', "not readable"),
        ('{"name": "abacus", "arguments": {}}', "no tool abacus"),
        ('{"name": "calculator", "arguments": {}}', "do not fit"),
        ('{"name": "calculator", "arguments": {"expression": "1/0"}}', "division by zero"),
    ],
)
def test_a_bad_call_gets_an_error_to_read(toolbox: Toolbox, body: str, reason: str) -> None:
    _, result = toolbox.run("session", f"<tool_call>\n{body}\n</tool_call>")
    assert result.startswith("Error: ")
    assert reason in result
