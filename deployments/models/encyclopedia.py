"""Dialogues that look things up in the encyclopedia."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Questions:
    """Ways to ask for an article: about anything, about persons and about places."""

    anything: tuple[str, ...]
    person: tuple[str, ...]
    place: tuple[str, ...]


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
PLAIN_QUESTIONS = Questions(QUESTIONS, PERSON_QUESTIONS, PLACE_QUESTIONS)
VARIED_QUESTIONS = Questions(
    (
        "What exactly is {}?",
        "Could you look up {} for me?",
        "Check the encyclopedia for {}.",
        "Give me the definition of {}.",
        "What is the meaning of {}?",
        "I have never heard of {}. What might it be?",
        "Somebody spoke of {}. Look it up.",
        "I read about {} today. Tell me more.",
        "Describe {}.",
        "How would you define {}?",
        "Facts about {}, please.",
        "Who or what was {}?",
        "What can you find on {}?",
        "Consult the encyclopedia about {}.",
        "Let me know what {} is.",
        "I wonder what {} is.",
        "{}?",
        "{}: what is it?",
        "What's {}?",
        "Any information about {}?",
        "Introduce me to {}.",
        "In a crossword I met {}. Explain it.",
        "Tell me in one sentence what {} is.",
        "My son asked me about {}. What should I say?",
        "Enlighten me about {}.",
        "Do you know {}?",
        "What does the word {} stand for?",
        "For my essay I need to know about {}.",
        "What kind of thing is {}?",
    ),
    (
        "Who exactly was {}?",
        "What is {} known for?",
        "Tell me about the person called {}.",
        "What did {} do?",
        "Look up who {} was.",
        "Does the name {} tell you anything?",
        "{}: who is that?",
    ),
    (
        "On which continent is {}?",
        "Where would I find {}?",
        "Where on the map is {}?",
        "Where does {} lie?",
        "In what part of the world is {}?",
    ),
)
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
        questions: How it asks for one article.
    """

    def __init__(
        self, max_characters: int = 150, questions: Questions = PLAIN_QUESTIONS
    ) -> None:
        self._max_characters = max_characters
        self._questions = questions

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
        questions = self._questions.anything
        if PERSON.search(gist) and rng.random() < 0.8:
            questions = self._questions.person
        elif PLACE.search(gist) and rng.random() < 0.5:
            questions = self._questions.place
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
        asked = rng.choice(self._questions.anything).format(_spoken(rng, title))
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
            user(rng.choice(self._questions.anything).format(unknown)),
            *call(KIND, {"verb": "search", "query": unknown}, text),
            answer(f"Sorry, I could not find anything about {unknown}."),
        ]

    def _failure(self, rng: Random, split: Split) -> list[Message]:
        title = self._title(rng, split)
        asked = user(rng.choice(self._questions.anything).format(_spoken(rng, title)))
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
