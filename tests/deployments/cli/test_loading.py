import io

import pytest
from rich.console import Console

from deployments.cli.loading import loading


@pytest.mark.parametrize("terminal", [True, False])
def test_only_a_terminal_sees_it_and_keeps_nothing(terminal):
    file = io.StringIO()
    with loading(Console(file=file, force_terminal=terminal)):
        during = file.getvalue()
    assert ("loading" in during) == terminal
    after = file.getvalue()[len(during) :]
    assert ("\x1b[2K" in after) == terminal  # the line is erased
