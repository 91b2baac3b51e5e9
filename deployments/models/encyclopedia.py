"""Dialogues that look things up in the encyclopedia."""

import re
from collections.abc import Mapping
from functools import cached_property
from random import Random

from augment_workers.retrieval import MAX_ANSWER_CHARACTERS
from deployments.models.dialogue import (
    Dialogue,
    Message,
    Split,
    answer,
    call,
    dialogue,
    failed_call,
    split_of,
    user,
    words,
)
from deployments.models.library import WordnetLibrary, wordnet_library

KIND = "retrieval"

QUESTIONS = (
    "What is {}?",
    "What is {}?",
    "What does {} mean?",
    "Who or what is {}?",
    "Tell me about {}.",
    "Explain {}.",
    "Look up {}.",
    "Search for {}.",
    "Define {}.",
    "Can you tell me what {} is?",
    "I want to know about {}.",
    "What do you know about {}?",
    "Give me some information on {}.",
)
PERSON_QUESTIONS = ("Who is {}?", "Who was {}?", "Who is {}?", "Tell me who {} was.")
PLACE_QUESTIONS = ("Where is {}?", "Where is {} located?", "In which place is {}?")
COMPARISONS = (
    "Compare {} and {}.",
    "What is the difference between {} and {}?",
    "How do {} and {} differ?",
    "What are {} and {}?",
)
LOOKUPS = (
    "Look up {} and find '{}' in it.",
    "Search for {}. What does it say about '{}'?",
    "What does the article on {} say about '{}'?",
)
FOLLOW_UPS = ("Find '{}' in it.", "What about '{}'?", "Look up '{}' there.")
NONSENSE = words(
    "blorp brindle crump dax fendle florn glim gorble grix jumble krell lorp mib nizzle plonk "
    "quib ravel sprock thrum vex wug yarble zib zorn"
)
PERSON = re.compile(r"\(\d{4}-\d{4}\)|\(born in \d{4}\)")
PLACE = re.compile(
    r"\b(city|town|river|lake|mountain|island|country|capital|state|port) (in|of)\b"
)


class EncyclopediaGenerator:
    """Asks for articles of WordNet.

    Args:
        max_characters: Longer sentences are not asked for, so that dialogues stay short.
    """

    def __init__(self, max_characters: int = 150) -> None:
        self._max_characters = max_characters

    @property
    def _library(self) -> WordnetLibrary:
        return wordnet_library()

    @cached_property
    def _titles(self) -> Mapping[Split, list[str]]:
        titles: dict[Split, list[str]] = {"train": [], "test": []}
        for title in self._library.headwords():
            if re.fullmatch(r"[A-Za-z][A-Za-z' .-]{2,23}", title):
                titles[split_of(title.lower())].append(title)
        return titles

    def __call__(self, rng: Random, split: Split) -> Dialogue:
        """One question about one or two articles."""
        ask = rng.choices(
            (self._question, self._comparison, self._lookup, self._not_found, self._failure),
            (66, 18, 10, 4, 2),
        )[0]
        return dialogue(KIND, ask(rng, split))

    def article(self, rng: Random, split: Split) -> tuple[str, list[Message]]:
        """A title, and the call and the answer that tell what it is."""
        title = self._title(rng, split)
        return title, [*self._search(title), answer(self._gist(title))]

    def _question(self, rng: Random, split: Split) -> list[Message]:
        title = self._title(rng, split)
        gist = self._gist(title)
        questions: tuple[str, ...] = QUESTIONS
        if PERSON.search(gist) and rng.random() < 0.8:
            questions = PERSON_QUESTIONS
        elif PLACE.search(gist) and rng.random() < 0.5:
            questions = PLACE_QUESTIONS
        question = rng.choice(questions).format(_spoken(rng, title))
        return [user(_sloppy(rng, question)), *self._search(title), answer(gist)]

    def _comparison(self, rng: Random, split: Split) -> list[Message]:
        one, other = (self._title(rng, split) for _ in range(2))
        return [
            user(rng.choice(COMPARISONS).format(_spoken(rng, one), _spoken(rng, other))),
            *self._search(one),
            *self._search(other),
            answer(f"{self._gist(one)} {self._gist(other)}"),
        ]

    def _lookup(self, rng: Random, split: Split) -> list[Message]:
        title = self._title(rng, split)
        keyword = self._keyword(rng, title)
        result, sentence = self._library.lookup(title, keyword)
        said = answer(sentence or f"Sorry, it says nothing about '{keyword}'.")
        step = [*call(KIND, {"verb": "lookup", "query": keyword}, result), said]
        if rng.random() < 0.5:
            asked = rng.choice(LOOKUPS).format(_spoken(rng, title), keyword)
            return [user(asked), *self._search(title), *step]
        asked = rng.choice(QUESTIONS).format(_spoken(rng, title))
        more = rng.choice(FOLLOW_UPS).format(keyword)
        first = [user(asked), *self._search(title), answer(self._gist(title))]
        return [*first, user(more), *step]

    def _not_found(self, rng: Random, split: Split) -> list[Message]:
        while True:
            unknown = " ".join(rng.sample(NONSENSE, rng.choice((1, 2, 2))))
            if split_of(unknown) == split:
                break
        similar = rng.sample(self._titles[split], rng.randrange(4))
        text = self._library.not_found(unknown, similar)
        return [
            user(rng.choice(QUESTIONS).format(unknown)),
            *call(KIND, {"verb": "search", "query": unknown}, text),
            answer(f"Sorry, I could not find anything about {unknown}."),
        ]

    def _failure(self, rng: Random, split: Split) -> list[Message]:
        title = self._title(rng, split)
        asked = user(rng.choice(QUESTIONS).format(_spoken(rng, title)))
        return [asked, *failed_call(rng, KIND, {"verb": "search", "query": title})]

    def _title(self, rng: Random, split: Split) -> str:
        while True:
            title = rng.choice(self._titles[split])
            text = self._library.search(title)
            if text.isascii() and len(self._gist(title)) <= self._max_characters:
                return title

    def _gist(self, title: str) -> str:
        return self._library.gist(title) or "." * MAX_ANSWER_CHARACTERS

    def _keyword(self, rng: Random, title: str) -> str:
        """A word of the article, seldom one that is not in it."""
        if rng.random() < 0.15:
            return rng.choice(NONSENSE)
        short = [s for s in self._library.sentences(title) if len(s) <= self._max_characters]
        found: list[str] = re.findall(r"\b[a-z]{4,12}\b", " ".join(short))
        return rng.choice(found or ["kind"])

    def _search(self, title: str) -> list[Message]:
        return call(KIND, {"verb": "search", "query": title}, self._library.search(title))


def _spoken(rng: Random, word: str) -> str:
    """``word`` as a question would name it, sometimes with an article."""
    if word[0].isupper():
        return f"the {word}" if " " in word and rng.random() < 0.15 else word
    article = "an" if word[0] in "aeiou" else "a"
    return rng.choices((word, f"{article} {word}", f"the {word}"), (5, 4, 1))[0]


def _sloppy(rng: Random, question: str) -> str:
    """``question``, now and then without its capital or its punctuation mark."""
    if rng.random() < 0.1:
        question = question[0].lower() + question[1:]
    return question.rstrip("?.") if rng.random() < 0.1 else question
