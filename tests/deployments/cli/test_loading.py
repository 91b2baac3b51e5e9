import io

import pytest
from rich.console import Console

from deployments.cli.loading import loading


@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_sees_it_and_keeps_nothing(terminal):
    file = io.StringIO()
    with loading(Console(file=file, force_terminal=terminal)):
        before = file.getvalue()
    shown = file.getvalue()[len(before) :]
    assert ("loading" in shown) == terminal
    assert shown.endswith("\x1b[2K") == terminal  # the line is erased
