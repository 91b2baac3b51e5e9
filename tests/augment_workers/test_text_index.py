import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from augment_workers.base import AugmentationError
from augment_workers.corpus import Corpus, Page
from augment_workers.text_index import TextIndex, build, open_corpus

PATIENCE_S = 30.0
PAGES = (
    Page("China", ("a nation in Asia.", "Kind of: Asian country.")),
    Page("china", ("porcelain made in China.",)),
    Page("genus Paris", ("herbs of Paris.",)),
    Page("Paris", ("the capital of France.", "Kind of: national capital.")),
    Page("U.S.", ("a republic in North America.",)),
    Page("elephant", ("a five-toed pachyderm.",)),
    Page("rogue elephant", ("a vicious elephant.",)),
    Page("Mount Everest", ("the highest mountain of the Himalayas.",)),
    Page("The Hague", ("the seat of the government of the Netherlands.",)),
)


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[TextIndex]:
    assert build(tmp_path / "index.sqlite", PAGES) == len(PAGES)
    opened = TextIndex(tmp_path / "index.sqlite", "a test")
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("Paris", "Paris"),
        ("  paris? ", "Paris"),
        ("china", "china"),
        ("China", "China"),
        ("CHINA", "China"),
        ("U.S.", "U.S."),
        ("the Mount Everest", "Mount Everest"),
        ("the hague", "The Hague"),
        ("elephants", "elephant"),
        ("an Elephant", "elephant"),
        ("capital of France", "Paris"),
        ("What is the highest mountain?", "Mount Everest"),
    ],
)
async def test_find(index: TextIndex, query: str, title: str) -> None:
    page = await index.find(query)
    assert page is not None and page.title == title
    assert page in PAGES


@pytest.mark.parametrize("query", ["capital of Spain", "the", "", "?!", "\ud800", "a\x00b"])
async def test_find_nothing(index: TextIndex, query: str) -> None:
    assert await index.find(query) is None


async def test_similar_shares_words(index: TextIndex) -> None:
    assert await index.similar("capital elephants") != []
    assert set(await index.similar("vicious elephants")) == {"elephant", "rogue elephant"}
    assert len(await index.similar("elephant", limit=1)) == 1
    assert await index.similar("the of") == []


@given(query=st.text(max_size=30))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=20,
)
async def test_no_query_is_syntax(index: TextIndex, query: str) -> None:
    for text in (query, f'{query}" OR title:"', f"NEAR({query}*", f"paris AND {query}"):
        await index.find(text)
        await index.similar(text)


async def test_a_broken_file_is_an_error_for_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "broken.sqlite"
    path.write_bytes(b"not a database" * 100)
    index = TextIndex(path, "the broken corpus")
    with pytest.raises(AugmentationError, match="the broken corpus cannot be read"):
        await index.find("Paris")
    await index.close()


async def test_the_index_is_read_only(index: TextIndex, tmp_path: Path) -> None:
    before = (tmp_path / "index.sqlite").read_bytes()
    await index.find("Paris'; DROP TABLE article")
    assert (tmp_path / "index.sqlite").read_bytes() == before


class Counted(Corpus):
    name = "counted"
    source = "a counted corpus"

    def __init__(self, version: str, barrier: threading.Barrier | None = None) -> None:
        self._version = version
        self._barrier = barrier
        self.reads = 0

    def fingerprint(self) -> str:
        return self._version

    def iter_articles(self) -> Iterator[Page]:
        self.reads += 1
        if self._barrier is not None:
            self._barrier.wait(PATIENCE_S)
        yield from PAGES


async def test_an_index_is_built_once_a_version(tmp_path: Path) -> None:
    corpora = [Counted("1"), Counted("1"), Counted("2")]
    for corpus in corpora:
        index = open_corpus(corpus, tmp_path / "new" / "cache")
        page = await index.find("Paris")
        assert page == PAGES[3]
        await index.close()
    assert [corpus.reads for corpus in corpora] == [1, 0, 1]


async def test_builders_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    barrier = threading.Barrier(2)
    corpora = [Counted("1", barrier), Counted("1", barrier)]
    opened: list[TextIndex] = []
    threads = [
        threading.Thread(
            target=lambda corpus=corpus: opened.append(open_corpus(corpus, tmp_path))
        )
        for corpus in corpora
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE_S)
    assert [corpus.reads for corpus in corpora] == [1, 1]
    for index in opened:
        assert await index.find("Paris") == PAGES[3]
        await index.close()
    assert [path.name for path in tmp_path.iterdir()] == ["counted-1-1.sqlite"]


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    def pages() -> Iterator[Page]:
        yield PAGES[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "index.sqlite", pages())
    assert list(tmp_path.iterdir()) == []


def test_other_users_may_read_the_index(tmp_path: Path) -> None:
    build(tmp_path / "index.sqlite", PAGES)
    assert (tmp_path / "index.sqlite").stat().st_mode & 0o777 == 0o644


def test_an_unusable_cache_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        open_corpus(Counted("1"), tmp_path / "file")


def test_sqlite_has_full_text_search() -> None:
    with sqlite3.connect(":memory:") as connection:
        options = {row[0] for row in connection.execute("PRAGMA compile_options")}
    connection.close()
    assert "ENABLE_FTS5" in options
