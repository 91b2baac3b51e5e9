import io

import pytest
from rich.console import Console

from deployments.terminal.stream_view import StreamView


def step(state, **fields):
    told = {"id": "a", "kind": "image", "arguments": {"prompt": "[red] :star:"}, "state": state}
    return told | {"seconds": 1.5, "context_tokens": 30} | fields


def printed(terminal, *steps):
    file = io.StringIO()
    view = StreamView(Console(file=file, force_terminal=terminal, width=200, no_color=True))
    for one in steps:
        view.text(one) if isinstance(one, str) else view.step(one)
    view.end_line()
    return file.getvalue()


def test_a_file_gets_a_line_for_each_step():
    text = printed(
        False,
        " Well,\nso. ",
        step("running"),
        step("running", fraction=0.25),
        step("failed", error="deadline: too late"),
        "On.",
    )
    assert text.splitlines() == [
        "   Well,",
        "   so. ",
        '   | image {"prompt": "[red] :star:"}',
        "   | image: 25% done after 1.50 s",
        "   | image failed after 1.50 s: deadline: too late",
        "   On.",
    ]


def test_a_terminal_gets_a_bar_for_what_is_under_way():
    running = [step("running"), step("running", fraction=0.25, eta_s=4.5)]
    text = printed(True, *running)
    assert "25%" in text
    assert "4.50 s left" in text
    assert "% done" not in text
    assert text.endswith("\x1b[2K")  # the bar is gone
    ended = printed(True, *running, step("succeeded"), "Here.")
    assert "image answered in 1.50 s" in ended
    assert ended.rstrip().endswith("Here.")


@pytest.mark.parametrize("words", ["[bold]x[/bold]", ":smile: 1.5", "[/]", "a\tb"[:1]])
def test_words_of_the_model_are_not_markup(words):
    assert printed(False, words).strip() == words
