from collections.abc import Callable

import calls
import pytest

from intercept_core.bus.messages import Call

MakeCall = Callable[..., Call]


@pytest.fixture(scope="session")
def make_call() -> MakeCall:
    """See ``calls.make_call``."""
    return calls.make_call
