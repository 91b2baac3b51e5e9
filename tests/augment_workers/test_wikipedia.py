"""Against a real HTTP server on the loopback that speaks as much of the API as is used."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from calls import ENDS, events_of, lose_its_caller, make_call, until

from augment_workers.base import AugmentationError
from augment_workers.corpus import Page
from augment_workers.retrieval import Retrieval
from augment_workers.wikipedia import Wikipedia, WikipediaOptions
from intercept_core.bus.messages import Result

PAGES = {
    "Grace Hopper": "Grace Hopper was an admiral. She wrote a compiler. See e.g. J. W. Mauchly."
}
REDIRECTS = {"Amazing Grace": "Grace Hopper"}
Answer = tuple[int, dict[str, str], bytes]


class FakeWikipedia(ThreadingHTTPServer):
    """Answers from ``PAGES``, after the answers in ``first`` have been given.

    An answer of None leaves the client waiting.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.first: list[Answer | None] = []
        self.requests: list[dict[str, str]] = []
        self.agents: list[str] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/w/api.php"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeWikipedia

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        question = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.requests.append(question)
        self.server.agents.append(self.headers["User-Agent"])
        answer: Answer | None = 404, {}, b""
        if self.server.first:
            answer = self.server.first.pop(0)
        elif url.path == "/w/api.php" and question.get("formatversion") == "2":
            answer = 200, {}, json.dumps({"query": _query(question)}).encode()
        if answer is None:
            self.server.released.wait(10)
            self.close_connection = True
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


def _query(question: dict[str, str]) -> dict[str, Any]:
    if question.get("list") == "search":
        word = question["srsearch"].split()[0].lower()
        hits = [title for title in PAGES if word in title.lower()]
        return {"search": [{"ns": 0, "title": title} for title in hits]}
    title = REDIRECTS.get(question["titles"], question["titles"])
    if title in PAGES:
        return {"pages": [{"pageid": 1, "title": title, "extract": PAGES[title]}]}
    return {"pages": [{"title": title, "missing": True}]}


@pytest.fixture
def server() -> Iterator[FakeWikipedia]:
    with FakeWikipedia() as fake:
        thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        fake.released.set()
        fake.shutdown()
        thread.join(10)


class Sleeps(list[float]):
    """Waits for no time, and remembers how long it should have been."""

    async def __call__(self, seconds_s: float) -> None:
        self.append(seconds_s)


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Client:
    """A client of the fake server, with everything that it waits by."""

    def __init__(self, server: FakeWikipedia, **options: Any) -> None:
        self.sleeps = Sleeps()
        self.clock = Clock()
        self.wikipedia = Wikipedia(
            WikipediaOptions(url=server.url, user_agent="test/1 (a@b.example)", **options),
            clock=self.clock,
            sleep=self.sleeps,
        )


@pytest.fixture
async def client(server: FakeWikipedia) -> AsyncIterator[Client]:
    made = Client(server, cache_entries=2, cache_ttl_s=60)
    yield made
    await made.wikipedia.close()


async def test_find_splits_the_lead_section(server: FakeWikipedia, client: Client) -> None:
    hopper = Page(
        "Grace Hopper",
        ("Grace Hopper was an admiral.", "She wrote a compiler.", "See e.g. J. W. Mauchly."),
    )
    assert await client.wikipedia.find("Grace Hopper") == hopper
    assert await client.wikipedia.find("Amazing Grace") == hopper
    assert set(server.agents) == {"test/1 (a@b.example)"}


async def test_a_missing_page_leads_to_similar_titles(server: FakeWikipedia) -> None:
    retrieval = Retrieval("wikipedia", wikipedia=WikipediaOptions(url=server.url))
    call = make_call(arguments={"verb": "search", "query": "Grace Kelly"})
    events = await events_of(retrieval, call)
    assert events == [call.result("Could not find Grace Kelly. Similar: Grace Hopper.")]
    await retrieval.close()


async def test_a_bar_names_no_second_title(server: FakeWikipedia, client: Client) -> None:
    assert await client.wikipedia.find("Grace Hopper|Paris") is None
    assert server.requests[0]["titles"] == "Grace Hopper Paris"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_trouble_that_passes(server: FakeWikipedia, client: Client, status: int) -> None:
    server.first = [(status, {"Retry-After": "3"}, b""), (status, {}, b"")]
    page = await client.wikipedia.find("Grace Hopper")
    assert page is not None and page.title == "Grace Hopper"
    assert client.sleeps == [3.0, 1.0]


async def test_retry_after_has_a_cap(server: FakeWikipedia, client: Client) -> None:
    server.first = [(429, {"Retry-After": "86400"}, b"")]
    await client.wikipedia.find("Grace Hopper")
    assert client.sleeps == [5.0]


async def test_trouble_that_stays(server: FakeWikipedia, client: Client) -> None:
    server.first = [(429, {}, b"")] * 5
    with pytest.raises(AugmentationError, match="HTTP status 429") as caught:
        await client.wikipedia.find("Grace Hopper")
    assert caught.value.retryable
    assert len(server.requests) == 3


async def test_lag_of_the_databases_is_waited_for(
    server: FakeWikipedia, client: Client
) -> None:
    lag = json.dumps({"error": {"code": "maxlag", "info": "Waiting"}}).encode()
    server.first = [(200, {"Retry-After": "2"}, lag)]
    assert await client.wikipedia.find("Grace Hopper") is not None
    assert client.sleeps == [2.0]


async def test_silence_times_out(server: FakeWikipedia, client: Client) -> None:
    hasty = Client(server, timeout_s=0.5, attempts=2)
    server.first = [None, None]
    with pytest.raises(AugmentationError, match="does not answer: ReadTimeout"):
        await hasty.wikipedia.find("Grace Hopper")
    await until(lambda: len(server.requests) == 2)
    await hasty.wikipedia.close()
    assert await client.wikipedia.find("Grace Hopper") is not None


@pytest.mark.parametrize("end", ENDS)
async def test_a_question_for_nobody_holds_up_no_other(server: FakeWikipedia, end: str) -> None:
    """They go out one at a time."""
    retrieval = Retrieval("wikipedia", wikipedia=WikipediaOptions(url=server.url))
    call = make_call(arguments={"verb": "search", "query": "Grace Hopper"})
    server.first = [None]
    await lose_its_caller(retrieval, call, end, lambda: server.requests)
    (result,) = await events_of(retrieval, call)
    assert isinstance(result, Result) and result.text.startswith("Grace Hopper: ")
    await retrieval.close()


async def test_nobody_there() -> None:
    options = WikipediaOptions(url="http://127.0.0.1:9/api.php", attempts=1)
    wikipedia = Wikipedia(options)
    with pytest.raises(AugmentationError, match="does not answer: Connect") as caught:
        await wikipedia.find("Grace Hopper")
    assert caught.value.retryable
    await wikipedia.close()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"<html>", "not the JSON"),
        (200, b"[]", "not the JSON"),
        (200, b'{"error": 3}', "not the JSON"),
        (200, b'{"query": []}', "not the JSON"),
        (200, b'{"error": {"code": "x", "info": "bad title"}}', "refuses: bad title"),
        (403, b"", "refuses: HTTP status 403"),
    ],
)
async def test_answers_that_make_no_sense(
    server: FakeWikipedia, client: Client, status: int, body: bytes, message: str
) -> None:
    server.first = [(status, {}, body)]
    with pytest.raises(AugmentationError, match=message) as caught:
        await client.wikipedia.find("Grace Hopper")
    assert not caught.value.retryable
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", [b"{}", b'{"query": {"pages": 3}}', b'{"query": {"pages": [3]}}']
)
async def test_answers_without_a_page(
    server: FakeWikipedia, client: Client, body: bytes
) -> None:
    server.first = [(200, {}, body)]
    assert await client.wikipedia.find("Grace Hopper") is None


async def test_answers_are_remembered_for_a_while(
    server: FakeWikipedia, client: Client
) -> None:
    async def requests(title: str) -> int:
        before = len(server.requests)
        await client.wikipedia.find(title)
        return len(server.requests) - before

    assert [await requests(title) for title in ("A", "B", "A")] == [1, 1, 0]
    # The least recently used of two entries is B.
    assert [await requests(title) for title in ("C", "A", "B")] == [1, 0, 1]
    client.clock.now_s = 60
    assert await requests("B") == 1
    server.first = [(200, {}, b"<html>")]
    with pytest.raises(AugmentationError):
        await client.wikipedia.find("D")
    assert await requests("D") == 1
