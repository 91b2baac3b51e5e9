import io

import pytest
from rich.console import Console

from deployments.progress import Progress


def run(capsys, *, terminal):
    """What is printed, and what a terminal shows besides, step by step."""
    times = iter([0.0, 1.25, 12.5])
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100)
    shown = []
    with Progress(lambda: next(times), console) as progress:
        progress.step("starting")
        shown.append(file.getvalue())
        progress.step("waiting")
        progress.rest()
        shown.append(file.getvalue()[len(shown[0]) :])
    return capsys.readouterr().out, shown


@pytest.mark.parametrize("terminal", [True, False])
def test_every_step_is_a_line_with_its_time(capsys, terminal):
    printed, _ = run(capsys, terminal=terminal)
    assert printed == "[   1.2 s] starting\n[  12.5 s] waiting\n"


def test_a_terminal_shows_what_is_under_way_until_it_is_not(capsys):
    _, (first, second) = run(capsys, terminal=True)
    assert "starting" in first
    assert "waiting" in second
    assert second.endswith("\x1b[2K")  # nothing of it is left


def test_a_file_gets_the_lines_alone(capsys):
    _, shown = run(capsys, terminal=False)
    assert shown == ["", ""]


def test_outside_of_a_block_nothing_runs(capsys):
    file = io.StringIO()
    Progress(lambda: 0.0, Console(file=file, force_terminal=True)).step("starting")
    assert file.getvalue() == ""
    assert capsys.readouterr().out == "[   0.0 s] starting\n"
