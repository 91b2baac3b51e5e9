from collections.abc import Callable
from pathlib import Path

import pytest

from augment_workers.base import AugmentationError
from augment_workers.corpus import KnowledgeBase, Page
from augment_workers.retrieval import (
    MAX_ANSWER_CHARACTERS,
    Retrieval,
    default_cache_dir,
    summarize,
)
from intercept_core.bus.messages import Call, Result

MakeCall = Callable[..., Call]


class Shelf(KnowledgeBase):
    """Pages in memory."""

    source = "a shelf"

    def __init__(self, *pages: Page) -> None:
        self._pages = {page.title: page for page in pages}
        self.closed = False

    async def find(self, query: str) -> Page | None:
        return self._pages.get(query)

    async def similar(self, query: str, limit: int = 5) -> list[str]:
        return [title for title in self._pages if title[0] == query[0]][:limit]

    async def close(self) -> None:
        self.closed = True


PARIS = Page(
    "Paris",
    (
        "the capital of France.",
        "Kind of: national capital.",
        "Parts: Bastille, Louvre.",
        "Also: a genus of herbs.",
    ),
)
SHELF = (PARIS, Page("Peru", ("a republic.",)))


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Session:
    """One conversation with a retrieval."""

    def __init__(
        self, retrieval: Retrieval, make_call: MakeCall, session_id: str = "s"
    ) -> None:
        self._retrieval = retrieval
        self._make_call = make_call
        self._session_id = session_id

    async def ask(self, verb: str, query: str) -> str:
        call = self._make_call(
            session_id=self._session_id, arguments={"verb": verb, "query": query}
        )
        (result,) = [event async for event in self._retrieval.run(call)]
        assert isinstance(result, Result)
        return result.text


async def test_search_gives_title_and_first_sentences(make_call: MakeCall) -> None:
    session = Session(Retrieval(Shelf(*SHELF)), make_call)
    assert (
        await session.ask("search", " Paris ")
        == "Paris: the capital of France. Kind of: national capital."
    )
    assert await session.ask("search", "Peru") == "Peru: a republic."


async def test_search_without_a_page_names_similar_ones(make_call: MakeCall) -> None:
    session = Session(Retrieval(Shelf(*SHELF)), make_call)
    assert await session.ask("search", "Porto") == "Could not find Porto. Similar: Paris, Peru."
    assert await session.ask("search", "Zuse") == "Could not find Zuse."


async def test_lookup_steps_through_the_page(make_call: MakeCall) -> None:
    session = Session(Retrieval(Shelf(*SHELF)), make_call)
    await session.ask("search", "Paris")
    assert await session.ask("lookup", "Capital") == "(Result 1 / 2) the capital of France."
    assert await session.ask("lookup", "capital") == (
        "(Result 2 / 2) Kind of: national capital."
    )
    assert await session.ask("lookup", "capital") == "No more results."
    assert await session.ask("lookup", "herbs") == "(Result 1 / 1) Also: a genus of herbs."
    assert await session.ask("lookup", "capital") == "(Result 1 / 2) the capital of France."
    assert await session.ask("lookup", "unheard") == "No more results."


async def test_a_search_that_fails_keeps_the_page(make_call: MakeCall) -> None:
    session = Session(Retrieval(Shelf(*SHELF)), make_call)
    await session.ask("search", "Paris")
    await session.ask("search", "Zuse")
    assert await session.ask("lookup", "Louvre") == "(Result 1 / 1) Parts: Bastille, Louvre."


async def test_lookup_before_search(make_call: MakeCall) -> None:
    with pytest.raises(AugmentationError, match="search first"):
        await Session(Retrieval(Shelf(*SHELF)), make_call).ask("lookup", "capital")


async def test_sessions_read_apart(make_call: MakeCall) -> None:
    retrieval = Retrieval(Shelf(*SHELF))
    one, two = Session(retrieval, make_call, "1"), Session(retrieval, make_call, "2")
    await one.ask("search", "Paris")
    await two.ask("search", "Peru")
    assert await one.ask("lookup", "capital") == "(Result 1 / 2) the capital of France."
    assert await two.ask("lookup", "capital") == "No more results."


async def test_the_least_recently_used_page_is_closed_first(make_call: MakeCall) -> None:
    retrieval = Retrieval(Shelf(*SHELF), max_sessions=2)
    sessions = [Session(retrieval, make_call, name) for name in "abc"]
    await sessions[0].ask("search", "Paris")
    await sessions[1].ask("search", "Paris")
    await sessions[0].ask("lookup", "capital")
    await sessions[2].ask("search", "Paris")
    with pytest.raises(AugmentationError):
        await sessions[1].ask("lookup", "capital")
    assert await sessions[0].ask("lookup", "capital") == (
        "(Result 2 / 2) Kind of: national capital."
    )


async def test_searching_again_closes_no_other_page(make_call: MakeCall) -> None:
    retrieval = Retrieval(Shelf(*SHELF), max_sessions=2)
    one, two = Session(retrieval, make_call, "1"), Session(retrieval, make_call, "2")
    await one.ask("search", "Paris")
    await two.ask("search", "Paris")
    await two.ask("search", "Peru")
    assert await one.ask("lookup", "capital") == "(Result 1 / 2) the capital of France."


async def test_an_idle_page_is_closed(make_call: MakeCall) -> None:
    clock = Clock()
    session = Session(Retrieval(Shelf(*SHELF), idle_s=10, clock=clock), make_call)
    await session.ask("search", "Paris")
    clock.now_s = 10
    await session.ask("lookup", "capital")
    clock.now_s = 20
    await session.ask("lookup", "capital")
    clock.now_s = 30.5
    with pytest.raises(AugmentationError, match="search first"):
        await session.ask("lookup", "capital")


def test_summaries_are_short() -> None:
    long = Page("Long", ("word " * 200 + ".", "second."))
    summary = summarize(long)
    assert len(summary) <= MAX_ANSWER_CHARACTERS
    assert summary.startswith("Long: word word") and summary.endswith("word…")
    assert summarize(Page("T", ("x" * 232 + ".", "more."))) == f"T: {'x' * 232}."


async def test_closing_closes_the_knowledge_base() -> None:
    shelf = Shelf()
    await Retrieval(shelf).close()
    assert shelf.closed


async def test_the_corpus_that_serves_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        Retrieval(Shelf())
    assert "served from a shelf" in caplog.text
    with pytest.raises(FileNotFoundError, match="dict-wn"):
        Retrieval("dictd", cache_dir=tmp_path, dictd_dir=tmp_path)


def test_the_cache_folder_can_be_set_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INFERCEPT_CACHE", "/some/where")
    assert default_cache_dir() == Path("/some/where")
    monkeypatch.delenv("INFERCEPT_CACHE")
    assert default_cache_dir() == Path.home() / ".cache" / "infercept"
