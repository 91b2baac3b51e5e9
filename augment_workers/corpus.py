"""What retrieval reads: pages, and the two kinds of places they come from."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

# Not after initials and abbreviations: "J. S. Bach", "Dr. Watson", "U.S. Senate", "e.g. X".
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b[A-Z][a-z]\.)(?<!\b[a-z]\.[a-z]\.) +(?=[^a-z\s])"
)


@dataclass(frozen=True, slots=True)
class Page:
    """One entry of an encyclopedia.

    Attributes:
        title: The headword, with its case.
        sentences: The text, most important sentence first; never empty.
    """

    title: str
    sentences: tuple[str, ...]


class KnowledgeBase(ABC):
    """Something that finds pages.

    Attributes:
        source: Which corpus serves, for the log.
    """

    source: str

    @abstractmethod
    async def find(self, query: str) -> Page | None:
        """The page that ``query`` names or, failing that, fully describes; else None.

        Raises:
            AugmentationError: when the backend cannot answer.
        """

    @abstractmethod
    async def similar(self, query: str, limit: int = 5) -> list[str]:
        """At most ``limit`` titles that share something with ``query``, best first.

        Raises:
            AugmentationError: when the backend cannot answer.
        """

    async def close(self) -> None:
        """Frees connections and threads."""
        return None


class Corpus(ABC):
    """Pages on this machine's disk, to be indexed.

    Attributes:
        name: A short word for file names.
        source: What it is, for the log.
    """

    name: str
    source: str

    @abstractmethod
    def fingerprint(self) -> str:
        """A text that changes whenever the pages would, safe in a file name."""

    @abstractmethod
    def iter_articles(self) -> Iterator[Page]:
        """All pages; of two titles that differ in case alone, the better known one first."""


def split_sentences(text: str) -> tuple[str, ...]:
    """The sentences of running text, white space collapsed."""
    return tuple(
        sentence for sentence in _SENTENCE_END.split(" ".join(text.split())) if sentence
    )
