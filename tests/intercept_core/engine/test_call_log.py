import json
import logging

import pytest
from ray._common.formatters import JSONFormatter
from ray.serve._private.logging_utils import ServeContextFilter

from intercept_core.bus.messages import Result
from intercept_core.engine.call_log import CallLog
from intercept_core.engine.dialect import ToolCall
from intercept_core.engine.interception import InterceptionChannel
from intercept_core.engine.pause import Pause

SECRET = "hunter2"


class Bus:
    """Ends every call as a test says."""

    def __init__(self, *events):
        self._events = events

    async def dispatch(self, kind, arguments, **ids):
        for event in self._events:
            yield event


@pytest.fixture
def lines(caplog):
    """The log as Ray Serve writes it in JSON."""
    caplog.set_level(logging.INFO, logger="intercept_core")
    caplog.handler.addFilter(ServeContextFilter())
    formatter = JSONFormatter()
    return lambda: [json.loads(formatter.format(record)) for record in caplog.records]


def pause():
    log = CallLog("chatcmpl-1", "session-1")
    return Pause(InterceptionChannel(), 30, log, clock=lambda: 1.0)


CALL = ToolCall("calculator", {"expression": SECRET})


async def test_lines_have_ids_and_outcomes_as_fields(lines):
    told = pause()
    bus = Bus(Result(call_id="call-1", attempt=1, text=SECRET))
    await told.run(bus, CALL, request_id="r", session_id="session-1")
    told.inserted(5)
    told.resumed("discarded", 30)
    started, ended, resumed = lines()
    ids = {"kind": "calculator", "call_id": "call-1", "response_id": "chatcmpl-1"}
    ids |= {"session_id": "session-1", "seconds": 0.0, "context_tokens": 30}
    for line in (started, ended, resumed):
        assert ids.items() <= line.items()
        assert SECRET not in json.dumps(line)
    assert started["message"] == "interception started: calculator call-1"
    assert ended["message"] == "interception ended: calculator call-1 succeeded"
    assert ended["outcome"] == "succeeded"
    assert resumed["disposition"] == "discarded"
    assert (resumed["recomputed_tokens"], resumed["result_tokens"]) == (30, 5)


async def test_a_failure_is_told_by_its_code_alone(lines):
    pause().refuse(CALL, "unknown_tool", f"no tool is called {SECRET}")
    started, ended = lines()
    assert started["message"].startswith("interception started")
    assert ended["outcome"] == "unknown_tool"
    assert SECRET not in json.dumps(ended)
