"""The tools of a real MCP server, over stdio and over HTTP."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import calls
import psutil
import pytest
import pytest_asyncio
from calls import ENDS, lose_its_caller, make_call, until
from live_server import live_server
from mcp_app import make_server

from augment_workers.mcp_tools import McpTools
from augment_workers.registry import RegistryError, declared
from augment_workers.secret_text import Secrets
from intercept_core.bus.messages import Call, Event, Failed, Progress, Result

PATIENCE_S = 60.0
TOKEN = "hunter2-token"
PROGRAM = Path(__file__).parents[1] / "support" / "mcp_app.py"

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Journal:
    """What the server's tools have noted."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def wait_for(self, line: str, times: int = 1) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not self.path.exists() or self.path.read_text().count(line) < times:
                await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return Journal(tmp_path_factory.mktemp("mcp") / "journal")


def stdio(journal: Journal, *args: str, **options: Any) -> McpTools:
    env = {"JOURNAL": str(journal.path), "MCP_TOKEN": "${TOKEN}"}
    return McpTools(
        sys.executable,
        (str(PROGRAM), *args),
        env,
        secrets=Secrets({"TOKEN": TOKEN}),
        start_timeout_s=PATIENCE_S,
        **options,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def by_command(journal: Journal) -> AsyncIterator[McpTools]:
    made = stdio(journal)
    yield made
    await made.close()
    await until(lambda: not servers())  # no process is left


@pytest.fixture(scope="module")
def url(journal: Journal) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNAL", str(journal.path))
        patch.setenv("MCP_TOKEN", TOKEN)
        with live_server(make_server().streamable_http_app()) as port:
            yield f"http://127.0.0.1:{port}/mcp"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def by_url(url: str) -> AsyncIterator[McpTools]:
    made = McpTools(
        url=url,
        allow=("127.0.0.1",),
        headers={"X-Key": "${TOKEN}"},
        secrets=Secrets({"TOKEN": TOKEN}),
    )
    yield made
    await made.close()


@pytest.fixture(params=["by_command", "by_url"])
def tools(request: pytest.FixtureRequest) -> McpTools:
    made: McpTools = request.getfixturevalue(request.param)
    return made


def servers() -> list[psutil.Process]:
    """The processes of the program that run."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if str(PROGRAM) in process.cmdline():
                found.append(process)
    return found


async def the_server() -> psutil.Process:
    """The process of the program, once it is the only one."""
    await until(lambda: len(servers()) == 1)
    (server,) = servers()
    return server


def call(kind: str, **arguments: Any) -> Call:
    return make_call(kind=kind, arguments=arguments)


async def events_of(tools: McpTools, kind: str, **arguments: Any) -> list[Event]:
    return await calls.events_of(tools, call(kind, **arguments))


async def result_of(tools: McpTools, kind: str, **arguments: Any) -> str:
    *_, result = await events_of(tools, kind, **arguments)
    assert isinstance(result, Result), result
    return result.text


async def failure_of(tools: McpTools, kind: str, **arguments: Any) -> Failed:
    *_, failed = await events_of(tools, kind, **arguments)
    assert isinstance(failed, Failed), failed
    return failed


async def test_tools_have_their_own_names_and_schemas(tools: McpTools) -> None:
    specs = await tools.tools()
    assert set(specs) >= {"add", "count", "fail"}
    assert specs["add"].description == "Adds two integers."
    assert specs["add"].parameters["properties"]["a"]["type"] == "integer"
    assert specs["add"].parameters["required"] == ["a", "b"]
    assert specs["add"].typical_duration_s == 1.0


async def test_a_call(tools: McpTools) -> None:
    assert await result_of(tools, "add", a=2, b=40) == "42"


async def test_arguments_are_checked_before_the_server_sees_them(tools: McpTools) -> None:
    failed = await failure_of(tools, "add", a=2, b="forty")
    assert (failed.code, failed.message) == (
        "bad_arguments",
        "arguments.b: 'forty' is not of type 'integer'",
    )


async def test_progress_is_passed_on(tools: McpTools) -> None:
    *progress, result = await events_of(tools, "count", steps=4, step_s=0.01)
    told = [event for event in progress if isinstance(event, Progress)]
    assert [event.fraction for event in told] == [0.25, 0.5, 0.75, 1.0]
    first, *_, last = (event.eta_s for event in told)
    assert first is not None and first > 0 and last == 0
    assert isinstance(result, Result) and result.text == "counted to 4"


async def test_what_is_no_text_is_named(tools: McpTools) -> None:
    assert await result_of(tools, "draw") == "a dot:\n[image/png, not shown]"
    assert '"one": 1' in await result_of(tools, "facts")


async def test_a_failure_is_told_with_its_reason(tools: McpTools) -> None:
    failed = await failure_of(tools, "fail")
    assert failed.code == "tool_error" and "fail" in failed.message
    assert TOKEN not in failed.message


async def test_a_tool_that_is_not_there(tools: McpTools) -> None:
    failed = await failure_of(tools, "subtract")
    assert failed.code == "unknown_tool"
    assert "'subtract'" in failed.message and "add" in failed.message


@pytest.mark.parametrize("end", ENDS)
async def test_the_server_is_told_that_nobody_waits(
    tools: McpTools, journal: Journal, end: str
) -> None:
    assert await result_of(tools, "add", a=1, b=1) == "2", "it has started"
    journal.path.unlink(missing_ok=True)
    counting = call("count", steps=1000, step_s=0.05)
    await lose_its_caller(tools, counting, end, journal.path.exists)
    await journal.wait_for("count cancelled")
    assert await result_of(tools, "add", a=1, b=1) == "2", "the connection still works"


async def test_secrets_go_to_the_server_and_no_further(
    tools: McpTools, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert await result_of(tools, "whisper") == "the token is [secret]"
    if "heard" not in caplog.text and tools._name == sys.executable:
        async with asyncio.timeout(PATIENCE_S):
            while "heard [secret]" not in caplog.text:
                await asyncio.sleep(0.02)
    assert TOKEN not in caplog.text + repr(tools) + repr(vars(tools))


async def test_a_server_that_dies_is_started_again_by_the_next_call(
    by_command: McpTools,
) -> None:
    assert await result_of(by_command, "add", a=2, b=2) == "4"
    first = await the_server()
    first.kill()
    async with asyncio.timeout(PATIENCE_S):
        while by_command._link is None or not by_command._link.is_over:
            await asyncio.sleep(0.01)
    assert await result_of(by_command, "add", a=2, b=2) == "4", "no call is lost"
    second = await the_server()
    assert second.pid != first.pid
    waiting = asyncio.create_task(failure_of(by_command, "count", steps=1000, step_s=0.05))
    failed = await failure_of(by_command, "die")
    assert failed.code == "worker_lost" and not failed.retryable, "it may have done its work"
    assert "stopped during the call of die" in failed.message
    assert "stopped during the call of count" in (await waiting).message
    assert (await failure_of(by_command, "look_and_die")).retryable, "it changes nothing"


async def test_a_server_at_a_url_that_was_away(journal: Journal) -> None:
    app = make_server().streamable_http_app
    with live_server(app()) as port:
        made = McpTools(url=f"http://127.0.0.1:{port}/mcp", allow=("127.0.0.0/8",))
        assert await result_of(made, "add", a=1, b=2) == "3"
    failed = await failure_of(made, "add", a=1, b=2)
    assert "stopped during the call of add" in failed.message
    failed = await failure_of(made, "add", a=1, b=2)
    assert "does not start: " in failed.message and "ConnectError" in failed.message
    with live_server(app(), port=port):
        assert await result_of(made, "add", a=1, b=2) == "3"
        await made.close()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("/no/such/program",), "/no/such/program: No such file or directory"),
        ((sys.executable, str(PROGRAM), "--broken"), "cannot read the database with [secret]"),
        (("sleep", "600"), "did not answer in time"),
    ],
)
async def test_a_server_that_does_not_start(command: tuple[str, ...], reason: str) -> None:
    program, *args = command
    made = McpTools(
        program,
        tuple(args),
        {"MCP_TOKEN": "${TOKEN}"},
        secrets=Secrets({"TOKEN": TOKEN}),
        start_timeout_s=0.5 if program == "sleep" else PATIENCE_S,
    )
    failed = await failure_of(made, "add", a=1, b=2)
    assert reason in failed.message and "does not start" in failed.message
    await made.close()


async def test_a_private_address_is_refused(url: str) -> None:
    made = McpTools(url=url.replace("127.0.0.1", "localhost"))
    failed = await failure_of(made, "add", a=1, b=2)
    assert "localhost is refused: its address is loopback" in failed.message
    await made.close()


async def test_tools_can_be_chosen_and_renamed(url: str) -> None:
    options: dict[str, Any] = {"url": url, "allow": ("127.0.0.1",)}
    made = McpTools(**options, tools=("add",), prefix="numbers_")
    assert set(await made.tools()) == {"numbers_add"}
    assert await result_of(made, "numbers_add", a=1, b=2) == "3"
    assert (await failure_of(made, "count", steps=1, step_s=0)).code == "unknown_tool"
    await made.close()
    made = McpTools(**options, tools=("subtract",))
    failed = await failure_of(made, "subtract")
    assert "has no tool 'subtract' (option tools); it has: add, count" in failed.message
    await made.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give command or url"),
        ({"command": "x", "url": "http://a.example/"}, "give command or url"),
        ({"command": "x", "headers": {}}, "headers does not go with command"),
        ({"url": "http://a.example/", "args": ["x"]}, "args does not go with url"),
        ({"url": "http://10.0.0.1/"}, "10.0.0.1 is refused: it is private"),
        ({"url": "http://u:p@a.example/"}, "secrets belong in headers"),
        ({"command": "x", "arg": []}, "no option arg"),
    ],
)
async def test_mistakes_in_the_configuration(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        declared("mcp", options)


async def test_its_tools_are_not_declared() -> None:
    assert declared("mcp", {"command": "x"}) is None
    assert declared("mcp", {"url": "http://10.0.0.1/", "allow": ["10.0.0.0/8"]}) is None
