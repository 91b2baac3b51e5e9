"""WordNet's articles as the retrieval augmentation shows them to the model."""

from functools import cache

from augment_workers.retrieval import MAX_ANSWER_CHARACTERS, summarize
from augment_workers.wordnet import WordNet


class WordnetLibrary:
    """Every article in memory; made in some seconds."""

    def __init__(self) -> None:
        self._pages = {page.title: page for page in WordNet().iter_articles()}

    def headwords(self) -> list[str]:
        """The titles of all articles, sorted."""
        return sorted(self._pages)

    def search(self, title: str) -> str:
        """What ``search`` answers for an existing ``title``."""
        return summarize(self._pages[title])

    def not_found(self, query: str, similar: list[str]) -> str:
        """What ``search`` answers when there is no page."""
        hint = f" Similar: {', '.join(similar)}." if similar else ""
        return f"Could not find {query}.{hint}"

    def gist(self, title: str) -> str | None:
        """The title and its first sentence, None when ``search`` would cut it short."""
        text = f"{title}: {self._pages[title].sentences[0]}"
        return text if len(text) <= MAX_ANSWER_CHARACTERS else None

    def sentences(self, title: str) -> tuple[str, ...]:
        """All that ``lookup`` steps through."""
        return self._pages[title].sentences

    def lookup(self, title: str, keyword: str) -> tuple[str, str | None]:
        """What the first ``lookup`` answers, and the sentence in it, if there is one."""
        found = [s for s in self.sentences(title) if keyword.casefold() in s.casefold()]
        if not found:
            return "No more results.", None
        return f"(Result 1 / {len(found)}) {found[0]}", found[0]


@cache
def wordnet_library() -> WordnetLibrary:
    """The library, read at the first use."""
    return WordnetLibrary()
