"""The tool against a real server."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import calls
import pytest
from calls import ENDS, lose_its_caller, make_call
from live_server import live_server
from weather_app import Weather

from augment_workers.http_tool import HttpTool
from augment_workers.secret_text import Secrets
from intercept_core.bus.messages import Event, Failed, Progress, Result

PATIENCE_S = 60.0
SILENCE_S = 1.0
"""As long as a connection may take too."""
TOKEN = "hunter2-token"
ANY: dict[str, Any] = {"type": "object"}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}


class Sleeps(list[float]):
    """Waits for no time, and remembers how long it should have been."""

    async def __call__(self, seconds_s: float) -> None:
        self.append(seconds_s)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Weather, str]]:
    weather = Weather()
    with live_server(weather.app) as port:
        yield weather, f"http://127.0.0.1:{port}"


@pytest.fixture
def weather(served: tuple[Weather, str]) -> Weather:
    served[0].seen.clear()
    served[0].failures.clear()
    served[0].left.clear()
    return served[0]


@pytest.fixture
def url(served: tuple[Weather, str]) -> str:
    return served[1]


def tool(url: str, **options: Any) -> HttpTool:
    defaults = {
        "description": "A test.",
        "parameters": ANY,
        "allow": ("127.0.0.1",),
        "secrets": Secrets({"TOKEN": TOKEN}),
    }
    return HttpTool(url, **(defaults | options))


async def events_of(tool: HttpTool, **arguments: Any) -> list[Event]:
    try:
        return await calls.events_of(tool, make_call(arguments=arguments))
    finally:
        await tool.close()


async def result_of(tool: HttpTool, **arguments: Any) -> str:
    (result,) = await events_of(tool, **arguments)
    assert isinstance(result, Result), result
    return result.text


async def failure_of(tool: HttpTool, **arguments: Any) -> Failed:
    *_, failed = await events_of(tool, **arguments)
    assert isinstance(failed, Failed), failed
    return failed


async def test_a_get(weather: Weather, url: str) -> None:
    made = tool(f"{url}/cities/{{city}}", parameters=CITY)
    assert await result_of(made, city="Tromsø", days=3) == (
        '{"city":"Tromsø","days":3,"now":{"sky":"clear","c":21.5}}'
    )
    assert weather.seen[0][:2] == ("GET", "/cities/Troms%C3%B8?days=3")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_other_methods(weather: Weather, url: str, method: Any) -> None:
    made = tool(f"{url}/echo", method=method, send="json", result="[method, body]")
    assert await result_of(made, a="ü") == f'["{method}", "{{\\"a\\":\\"ü\\"}}"]'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("now.sky", "clear"),
        ("now.c", "21.5"),
        ("now", '{"sky": "clear", "c": 21.5}'),
        ("join(' in ', [now.sky, city])", "clear in Oslo"),
    ],
)
async def test_a_part_of_the_answer(weather: Weather, url: str, path: str, text: str) -> None:
    made = tool(f"{url}/cities/{{city}}", parameters=CITY, result=path)
    assert await result_of(made, city="Oslo") == text


async def test_arguments_that_do_not_fit_are_never_sent(weather: Weather, url: str) -> None:
    made = tool(f"{url}/cities/{{city}}", parameters=CITY)
    failed = await failure_of(made, city="Oslo", days="two")
    assert failed.code == "bad_arguments" and "arguments.days" in failed.message
    assert weather.seen == []


async def test_a_refusal_is_told_with_its_reason(weather: Weather, url: str) -> None:
    made = tool(f"{url}/cities/{{city}}", parameters=CITY, attempts=3)
    failed = await failure_of(made, city="Atlantis")
    assert failed.message == 'HTTP status 404: {"detail":"no such city"}'
    assert failed.code == "tool_error" and not failed.retryable
    assert len(weather.seen) == 1


async def test_a_part_that_is_missing(weather: Weather, url: str) -> None:
    made = tool(f"{url}/cities/{{city}}", parameters=CITY, result="now.wind")
    assert "nothing at now.wind" in (await failure_of(made, city="Oslo")).message
    made = tool(f"{url}/raw?kind=text", result="now.wind")
    assert "nothing at now.wind" in (await failure_of(made)).message


@pytest.mark.parametrize("kind", ["latin", "text"])
async def test_text_in_any_charset(weather: Weather, url: str, kind: str) -> None:
    assert await result_of(tool(f"{url}/raw?kind={kind}")) == "größer"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("png", "the answer is image/png, which cannot be read as text"),
        ("unknown charset", "cannot be read as text"),
        ("gzip", "compressed"),
    ],
)
async def test_what_is_no_text(weather: Weather, url: str, kind: str, message: str) -> None:
    assert message in (await failure_of(tool(f"{url}/raw?kind={kind}"))).message
    assert weather.headers("accept-encoding") == ["identity"]


async def test_an_endless_answer_is_not_read_to_its_end(weather: Weather, url: str) -> None:
    made = tool(f"{url}/endless", max_response_bytes=100_000)
    assert "longer than 100000 bytes" in (await failure_of(made)).message


async def test_the_longest_answer(weather: Weather, url: str) -> None:
    size = len("größer".encode())
    assert await result_of(tool(f"{url}/raw?kind=text", max_response_bytes=size)) == "größer"
    failed = await failure_of(tool(f"{url}/raw?kind=text", max_response_bytes=size - 1))
    assert f"longer than {size - 1} bytes" in failed.message


async def test_progress_of_a_stream(weather: Weather, url: str) -> None:
    *progress, result = await events_of(tool(f"{url}/stream", result="now.sky"))
    told = [(e.fraction, e.eta_s) for e in progress if isinstance(e, Progress)]
    assert told == [(0.25, 3.0), (None, None), (0.75, 1.5)]
    assert isinstance(result, Result) and result.text == "clear"


@pytest.mark.parametrize(
    ("end", "message"),
    [("error", '{"now"'), ("", "ended without a result"), ("other", "ended without a result")],
)
async def test_a_stream_that_fails(weather: Weather, url: str, end: str, message: str) -> None:
    assert message in (await failure_of(tool(f"{url}/stream?ends_with={end}"))).message


@pytest.mark.parametrize("end", ENDS)
async def test_without_a_caller_the_connection_is_closed(
    weather: Weather, url: str, end: str
) -> None:
    made = tool(f"{url}/hang")
    weather.works.clear()
    weather.left.clear()
    await lose_its_caller(made, make_call(), end, weather.works.is_set)
    assert await asyncio.to_thread(weather.left.wait, PATIENCE_S)
    await made.close()


async def test_silence_ends_a_request(weather: Weather, url: str) -> None:
    failed = await failure_of(tool(f"{url}/hang", silence_timeout_s=SILENCE_S))
    assert failed.message == "127.0.0.1 does not answer: ReadTimeout."


# -- repeating -------------------------------------------------------------------------


async def test_an_idempotent_request_is_repeated_where_asked(
    weather: Weather, url: str
) -> None:
    sleeps = Sleeps()
    weather.failures = [503, 429]
    assert await result_of(tool(f"{url}/flaky", attempts=3, sleep=sleeps)) == "at last"
    assert sleeps == [2.0, 2.0], "as the server asked"


async def test_it_is_given_up_after_the_last_attempt(weather: Weather, url: str) -> None:
    weather.failures = [503, 502, 503]
    failed = await failure_of(tool(f"{url}/flaky", attempts=2, sleep=Sleeps()))
    assert failed.message == "HTTP status 502: busy"
    assert not failed.retryable, "the bus would repeat the repetitions"


async def test_by_default_nothing_is_repeated(weather: Weather, url: str) -> None:
    weather.failures = [503]
    assert "503" in (await failure_of(tool(f"{url}/flaky"))).message


@pytest.mark.parametrize(
    ("status", "idempotent", "requests"), [(503, None, 1), (503, True, 2), (429, None, 2)]
)
async def test_a_post_is_repeated_only_if_it_was_not_taken(
    weather: Weather, url: str, status: int, idempotent: bool | None, requests: int
) -> None:
    weather.failures = [status]
    options: dict[str, Any] = {"method": "POST", "attempts": 3, "sleep": Sleeps()}
    await events_of(tool(f"{url}/flaky", idempotent=idempotent, **options))
    assert len(weather.seen) == requests


async def test_nobody_listens(url: str) -> None:
    sleeps = Sleeps()
    made = tool("http://127.0.0.1:1/", method="POST", attempts=3, sleep=sleeps)
    assert "127.0.0.1 does not answer: ConnectError" in (await failure_of(made)).message
    assert sleeps == [0.5, 1.0]


# -- secrets ---------------------------------------------------------------------------

HEADERS = {"Authorization": "Bearer ${TOKEN}"}


async def test_secrets_reach_the_server_and_nobody_else(
    weather: Weather, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = tool(f"{url}/echo", headers=HEADERS)
    shown = repr(made) + repr(vars(made))
    text = await result_of(made)
    assert weather.headers("authorization") == [f"Bearer {TOKEN}"]
    assert '"authorization":"Bearer [secret]"' in text
    assert caplog.records, "the libraries do tell of the request"
    assert TOKEN not in text + shown + caplog.text


@pytest.mark.parametrize("path", ["/cities/{city}", "/stream?ends_with=error", "/hang"])
async def test_no_error_holds_a_secret(
    weather: Weather, url: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    parameters = CITY if "{" in path else ANY
    options = {"headers": HEADERS, "silence_timeout_s": SILENCE_S, "parameters": parameters}
    failed = await failure_of(tool(url + path, **options), city="Atlantis")
    assert TOKEN not in failed.message + caplog.text


async def test_a_secret_that_is_missing_fails_at_once(url: str) -> None:
    with pytest.raises(ValueError, match=r"headers\.X-Key: \$\{NO_KEY\} is not set"):
        tool(url, headers={"X-Key": "${NO_KEY}"})


async def test_one_conversation_gets_no_cookies_of_another(weather: Weather, url: str) -> None:
    made = tool(f"{url}/echo")
    for _ in range(2):
        await calls.events_of(made, make_call())
    await made.close()
    assert weather.headers("cookie") == [None, None]


# -- where connections go --------------------------------------------------------------


async def test_without_the_operators_word_a_private_address_is_refused(url: str) -> None:
    failed = await failure_of(tool(url.replace("127.0.0.1", "localhost"), allow=()))
    assert "localhost is refused: its address is loopback" in failed.message
    assert failed.code == "tool_error"
    with pytest.raises(ValueError, match=r"127\.0\.0\.1 is refused"):
        HttpTool.declared(url=url, description="d", parameters=ANY)


async def test_proxies_of_the_environment_are_not_used(
    weather: Weather, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await result_of(tool(f"{url}/raw?kind=text")) == "größer"


def test_the_schema_is_the_configurations() -> None:
    spec = HttpTool.declared(
        url="https://a.example/{city}", description="d", parameters=CITY, typical_duration_s=3.0
    )
    assert (spec.description, spec.parameters, spec.typical_duration_s) == ("d", CITY, 3.0)
