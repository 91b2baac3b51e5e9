"""An encyclopedia with the two verbs of ReAct (arXiv 2210.03629): search and lookup."""

import logging
import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from augment_workers.base import Augmentation, AugmentationError
from augment_workers.corpus import KnowledgeBase, Page
from augment_workers.dictd import DICTD_FOLDER, Dictd
from augment_workers.text_index import open_corpus
from augment_workers.wikipedia import Wikipedia, WikipediaOptions
from augment_workers.wordnet import WordNet
from intercept_core.bus.messages import Call, Event

_log = logging.getLogger(__name__)

MAX_ANSWER_CHARACTERS = 240
"""About 57 tokens, the mean result in InferCept's trace of retrieval."""


@dataclass(slots=True)
class _Reading:
    """The page that one session has open, and how far its last lookup has come."""

    page: Page
    used_s: float
    keyword: str = ""
    position: int = 0


class Retrieval(Augmentation):
    """Finds an entity's page (``search``) and steps through its sentences (``lookup``).

    Args:
        corpus: ``wordnet`` (embedded), ``dictd`` (the ``dict-*`` packages of Debian),
            ``wikipedia`` (over HTTP), or an open knowledge base, closed with this object.
            The first two are indexed when they are used for the first time, which blocks
            for some seconds.
        cache_dir: Folder of the indexes; by default ``$INFERCEPT_CACHE``, else
            ``~/.cache/infercept``.
        dictd_dir: Folder of the ``dictd`` corpus.
        wikipedia: How to reach the ``wikipedia`` corpus.
        max_sessions: Pages kept open; the least recently used one is closed first.
        idle_s: Seconds after which an unused page is closed.
        clock: Seconds, monotonic.

    Raises:
        OSError: when the corpus is not installed or the cache cannot be written.
    """

    kind = "retrieval"
    description = (
        "An encyclopedia. search finds the entry of an entity; lookup finds the sentences of"
        " that entry that hold a keyword, one more each time."
    )
    parameters: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "verb": {"type": "string", "enum": ["search", "lookup"]},
            "query": {"type": "string", "pattern": "\\S", "maxLength": 300},
        },
        "required": ["verb", "query"],
        "additionalProperties": False,
    }
    typical_duration_s = 0.01
    keeps_sessions = True

    def __init__(
        self,
        corpus: Literal["wordnet", "dictd", "wikipedia"] | KnowledgeBase = "wordnet",
        *,
        cache_dir: Path | None = None,
        dictd_dir: Path = DICTD_FOLDER,
        wikipedia: WikipediaOptions | None = None,
        max_sessions: int = 1024,
        idle_s: float = 1800.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        match corpus:
            case "wordnet":
                self._knowledge: KnowledgeBase = open_corpus(
                    WordNet(), cache_dir or default_cache_dir()
                )
            case "dictd":
                self._knowledge = open_corpus(
                    Dictd(dictd_dir), cache_dir or default_cache_dir()
                )
            case "wikipedia":
                self._knowledge = Wikipedia(wikipedia or WikipediaOptions())
            case _:
                self._knowledge = corpus
        _log.info("Retrieval is served from %s.", self._knowledge.source)
        self._max_sessions = max_sessions
        self._idle_s = idle_s
        self._clock = clock
        self._readings: OrderedDict[str, _Reading] = OrderedDict()

    async def run(self, call: Call) -> AsyncIterator[Event]:
        """Yields the entry (search) or its next sentence with the keyword (lookup).

        Raises:
            AugmentationError: for a lookup before any search that found a page, and when
                the knowledge base cannot answer.
        """
        query = call.arguments["query"].strip()
        if call.arguments["verb"] == "search":
            yield call.result(await self._search(call.session_id, query))
        else:
            yield call.result(self._lookup(call.session_id, query))

    async def close(self) -> None:
        """Closes the knowledge base."""
        await self._knowledge.close()

    async def _search(self, session_id: str, query: str) -> str:
        page = await self._knowledge.find(query)
        if page is None:
            similar = await self._knowledge.similar(query)
            hint = f" Similar: {', '.join(similar)}." if similar else ""
            return _shorten(f"Could not find {query}.{hint}")
        self._close_idle()
        self._readings[session_id] = _Reading(page, self._clock())
        self._readings.move_to_end(session_id)
        if len(self._readings) > self._max_sessions:
            self._readings.popitem(last=False)
        return summarize(page)

    def _lookup(self, session_id: str, keyword: str) -> str:
        self._close_idle()
        reading = self._readings.get(session_id)
        if reading is None:
            raise AugmentationError("No page is open to look something up in: search first.")
        self._readings.move_to_end(session_id)
        reading.used_s = self._clock()
        if keyword.casefold() != reading.keyword:
            reading.keyword, reading.position = keyword.casefold(), 0
        matches = [
            sentence
            for sentence in reading.page.sentences
            if reading.keyword in sentence.casefold()
        ]
        if reading.position >= len(matches):
            return "No more results."
        reading.position += 1
        return _shorten(
            f"(Result {reading.position} / {len(matches)}) {matches[reading.position - 1]}"
        )

    def _close_idle(self) -> None:
        """Closes the pages that nobody has used for long; the oldest come first."""
        while self._readings:
            oldest = next(iter(self._readings.values()))
            if self._clock() - oldest.used_s <= self._idle_s:
                break
            self._readings.popitem(last=False)


def summarize(page: Page) -> str:
    """What a search answers: the title and as many of two sentences as fit."""
    first = f"{page.title}: {page.sentences[0]}"
    both = " ".join((first, *page.sentences[1:2]))
    return both if len(both) <= MAX_ANSWER_CHARACTERS else _shorten(first)


def default_cache_dir() -> Path:
    """The folder for indexes when none is configured."""
    configured = os.environ.get("INFERCEPT_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "infercept"


def _shorten(text: str) -> str:
    """``text`` within the limit, cut between words."""
    if len(text) <= MAX_ANSWER_CHARACTERS:
        return text
    return text[: MAX_ANSWER_CHARACTERS - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"
