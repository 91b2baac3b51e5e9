"""The second set of the evaluation is in words that the generators do not have."""

import json
import re
from collections.abc import Iterable
from functools import cache

import pytest

from deployments.models import (
    encyclopedia,
    games,
    interviews,
    pictures,
    recordings,
    small_talk,
    stories,
)
from deployments.models.library import wordnet_library
from deployments.models.paraphrases import PARAPHRASES_FILE

ASKED = json.loads(PARAPHRASES_FILE.read_text())
TEMPLATES = {
    "calculator": [
        question
        for part in (stories.PLAIN_STORIES, stories.ONE_STEP_STORIES, stories.TWO_STEP_STORIES)
        for story in part
        for question in story.questions
    ],
    "retrieval": [
        *encyclopedia.QUESTIONS,
        *encyclopedia.PERSON_QUESTIONS,
        *encyclopedia.PLACE_QUESTIONS,
        *encyclopedia.COMPARISONS,
        *encyclopedia.LOOKUPS,
    ],
    "chatbot": [
        *interviews.ASK_WHAT,
        *interviews.ASK_WHETHER,
        *interviews.CHECKS,
        *interviews.TELL,
        *interviews.PLAN_REQUESTS,
        *(request for request, _ in interviews.SUMS),
        *interviews.ARTICLES,
        *interviews.DRAWINGS,
        *interviews.COLOURED,
        *interviews.SAYINGS,
    ],
    "image": [*pictures.REQUESTS, *pictures.PAIRS],
    "speech": [*recordings.QUOTED, *recordings.ANNOUNCED],
    "alfworld": list(games.REQUESTS),
}
NUMBER = r"(\d[\d.]*)"
SAID = [said for exchange, _ in small_talk.EXCHANGES for said in exchange]


def matches(templates: Iterable[str], question: str) -> list[tuple[str, ...]]:
    """What fills the fields of each template that fits ``question``, as lax as possible."""
    found = []
    for template in templates:
        pieces = re.split(r"(\{\w*\})", template.rstrip(".?"))
        pattern = "".join(
            (NUMBER if piece in ("{a}", "{b}", "{c}") else "(.+)")
            if piece.startswith("{")
            else re.escape(piece)
            for piece in pieces
        )
        if match := re.fullmatch(pattern + r"[.?]?", question, re.IGNORECASE):
            found.append(match.groups())
    return found


@cache
def titles() -> set[str]:
    return {title.casefold() for title in wordnet_library().headwords()}


@pytest.mark.parametrize(
    ("kind", "question"), [(kind, q["question"]) for kind, part in ASKED.items() for q in part]
)
def test_no_generator_can_say_it(kind: str, question: str) -> None:
    for fields in matches(TEMPLATES[kind], question):
        # A template of a few words fits much; what counts is what can stand in its field.
        assert kind == "retrieval", (question, fields)
        bare = [re.sub(r"^(an?|the) ", "", field.casefold()) for field in fields]
        assert not titles().issuperset(bare), (question, fields)
    assert question not in SAID


def test_templates_are_recognised() -> None:
    assert matches(TEMPLATES["image"], "Paint a red dog for me.")
    assert matches(TEMPLATES["retrieval"], "what is a dog") == [("a dog",), ("a dog",)]
    assert matches(TEMPLATES["alfworld"], "Start a game.")


def test_there_are_enough_of_every_kind() -> None:
    assert set(ASKED) == set(TEMPLATES)
    assert all(len(part) >= 4 for part in ASKED.values())
    assert sum(map(len, ASKED.values())) >= 40


def test_each_says_what_is_right() -> None:
    for kind, part in ASKED.items():
        for asked in part:
            wanted = {"calculator": "answer", "retrieval": "title", "chatbot": "mentioned"}
            if kind != "alfworld":
                assert asked[wanted.get(kind, "accepted")], asked
