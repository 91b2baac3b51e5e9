from collections.abc import Callable
from typing import Any

import pytest

from intercept_core.bus.messages import Call

MakeCall = Callable[..., Call]


@pytest.fixture(scope="session")
def make_call() -> MakeCall:
    """Makes a call; every field has a default."""

    def make(**fields: Any) -> Call:
        defaults: dict[str, Any] = {
            "call_id": "call",
            "request_id": "request",
            "session_id": "session",
            "kind": "tool",
            "arguments": {},
            "timeout_s": 10.0,
            "lease_s": 10.0,
        }
        return Call(**{**defaults, **fields})

    return make
