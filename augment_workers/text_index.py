"""A corpus in one SQLite file: exact titles first, full text behind them."""

import asyncio
import logging
import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from augment_workers.base import AugmentationError
from augment_workers.corpus import Corpus, KnowledgeBase, Page

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_Row = tuple[str, str]
"""A title and its sentences, a line each."""

_SCHEMA = """
CREATE TABLE article (
    id INTEGER PRIMARY KEY, title TEXT NOT NULL, folded TEXT NOT NULL, body TEXT NOT NULL
);
CREATE VIRTUAL TABLE words USING fts5 (
    title, body, content = 'article', content_rowid = 'id',
    tokenize = 'porter unicode61 remove_diacritics 2'
);
"""
_FORMAT = 1
"""Raised when the schema changes, so that stored indexes are rebuilt."""

_FROM_WORDS = (
    "article.title, article.body FROM words JOIN article ON id = words.rowid"
    " WHERE words MATCH ?"
)
_MOST_WORDS = 16
_STOP_WORDS = re.compile(
    r"an?|and|are|as|at|be|by|did|do|does|for|from|how|in|is|its?|me|of|on|or|tell|that|the"
    r"|to|was|were|what|when|where|which|who|whom|whose|why|with",
    re.IGNORECASE,
)


class TextIndex(KnowledgeBase):
    """Answers from a file that :func:`build` wrote.

    Queries run on one thread of this object's own, so the event loop never waits for the
    disk.

    Args:
        path: The file; opened read-only.
        source: What it holds, for the log.
    """

    def __init__(self, path: Path, source: str) -> None:
        self.source = source
        self._connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="text-index")

    async def find(self, query: str) -> Page | None:
        """The page with this title, else the best one that holds every word of ``query``.

        Of titles that differ in case alone, the one written as in ``query`` wins.
        """
        return await self._in_thread(lambda: self._find(query))

    async def similar(self, query: str, limit: int = 5) -> list[str]:
        """Titles of the pages that match any word, best (BM25) first."""
        return await self._in_thread(
            lambda: [title for title, _ in self._match(query, "OR", limit)]
        )

    async def close(self) -> None:
        """Closes the file once the query under way is done."""
        await self._in_thread(self._connection.close)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise AugmentationError(
                f"The index of {self.source} cannot be read: {error}."
            ) from error

    def _find(self, query: str) -> Page | None:
        # A lone surrogate, which JSON can carry, has no UTF-8 to ask SQLite for.
        query = " ".join(query.encode(errors="ignore").decode().split())
        bare = query.strip(" \"'?!.")
        without_article = re.sub(r"(?i)^(the|an?) ", "", bare)
        row = (
            self._titled(query)
            or self._titled(bare)
            or self._titled(without_article)
            or self._inflected(without_article)
            or next(iter(self._match(query, "AND", 1)), None)
        )
        return None if row is None else Page(row[0], tuple(row[1].split("\n")))

    def _titled(self, title: str) -> _Row | None:
        row: _Row | None = self._connection.execute(
            "SELECT title, body FROM article WHERE folded = ? ORDER BY title = ? DESC, id",
            (title.casefold(), title),
        ).fetchone()
        return row

    def _inflected(self, title: str) -> _Row | None:
        """The page whose title has the stems of ``title`` and nothing more."""
        words = _words(title)
        if not words:
            return None
        row: _Row | None = self._connection.execute(
            f"SELECT {_FROM_WORDS} ORDER BY length(article.title), id",
            (f"title : {_quoted(words, ' + ')}",),
        ).fetchone()
        return row if row and len(_words(row[0])) == len(words) else None

    def _match(self, query: str, operator: str, limit: int) -> list[_Row]:
        words = [word for word in _words(query) if not _STOP_WORDS.fullmatch(word)]
        if not words:
            return []
        return self._connection.execute(
            f"SELECT {_FROM_WORDS} ORDER BY bm25(words, 8.0, 1.0), id LIMIT ?",
            (_quoted(words, f" {operator} "), limit),
        ).fetchall()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)[:_MOST_WORDS]


def _quoted(words: list[str], operator: str) -> str:
    """An FTS5 query; quoted, a word is never a keyword or a column of that language."""
    return operator.join(f'"{word}"' for word in words)


def open_corpus(corpus: Corpus, cache_dir: Path) -> TextIndex:
    """The index of ``corpus``, built in ``cache_dir`` first when it is not there yet.

    Raises:
        OSError: when the folder cannot be written.
    """
    path = cache_dir / f"{corpus.name}-{_FORMAT}-{corpus.fingerprint()}.sqlite"
    if not path.exists():
        started_s = time.perf_counter()
        _log.info("Indexing %s in %s, once.", corpus.source, path)
        count = build(path, corpus.iter_articles())
        _log.info("Indexed %d pages in %.1f s.", count, time.perf_counter() - started_s)
    return TextIndex(path, corpus.source)


def build(path: Path, pages: Iterable[Page]) -> int:
    """Writes an index of ``pages`` and returns their number.

    The file appears at ``path`` only when it is complete, so that processes that build
    the same index at the same time do not disturb each other.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    try:
        count = _write(name, pages)
        with open(name, "rb") as file:
            os.fsync(file.fileno())
        # Whoever builds an image is often not the user who serves from it.
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
    return count


def _write(name: str, pages: Iterable[Page]) -> int:
    connection = sqlite3.connect(name)
    try:
        # A half-written file is thrown away as a whole: no journal is needed.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(_SCHEMA)
        rows = (
            (page.title, page.title.casefold(), "\n".join(page.sentences)) for page in pages
        )
        connection.executemany(
            "INSERT INTO article (title, folded, body) VALUES (?, ?, ?)", rows
        )
        connection.execute("CREATE INDEX by_title ON article (folded)")
        connection.execute("INSERT INTO words (words) VALUES ('rebuild')")
        connection.execute("INSERT INTO words (words) VALUES ('optimize')")
        connection.commit()
        (count,) = connection.execute("SELECT count(*) FROM article").fetchone()
        return int(count)
    finally:
        connection.close()
