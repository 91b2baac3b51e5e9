"""The second set of the evaluation is in words that the generators do not have."""

import json
import re
from collections.abc import Iterable
from functools import cache

import pytest

from deployments.models import (
    courtesies,
    encyclopedia,
    games,
    pictures,
    recordings,
    scenarios,
    small_talk,
    stories,
)
from deployments.models.interview_requests import (
    PLAIN_REQUESTS,
    VARIED_REQUESTS,
    InterviewRequests,
)
from deployments.models.library import wordnet_library
from deployments.models.paraphrases import PARAPHRASES_FILE

ASKED = json.loads(PARAPHRASES_FILE.read_text())
STORIES = (
    *(stories.PLAIN_STORIES, stories.ONE_STEP_STORIES, stories.TWO_STEP_STORIES),
    *(scenarios.OPERATION_STORIES, scenarios.CONVERSION_STORIES),
    *(scenarios.SCENARIOS, scenarios.TWO_STEP_SCENARIOS),
)


def interview_templates(requests: InterviewRequests) -> list[str]:
    listed = ("what", "whether", "checks", "tell", "plan", "articles", "drawings", "coloured")
    return [
        *(text for name in listed for text in getattr(requests, name)),
        *(text for text, _ in requests.sums),
        *requests.sayings,
    ]


TEMPLATES = {
    "calculator": [text for part in STORIES for story in part for text in story.questions],
    "retrieval": [
        text
        for questions in (encyclopedia.PLAIN_QUESTIONS, encyclopedia.VARIED_QUESTIONS)
        for part in (questions.anything, questions.person, questions.place)
        for text in part
    ]
    + [*encyclopedia.COMPARISONS, *encyclopedia.LOOKUPS],
    "chatbot": [
        text
        for requests in (PLAIN_REQUESTS, VARIED_REQUESTS)
        for text in interview_templates(requests)
    ],
    "image": [*pictures.REQUESTS, *pictures.VARIED_REQUESTS, *pictures.PAIRS],
    "speech": [
        *(*recordings.QUOTED, *recordings.ANNOUNCED),
        *(*recordings.VARIED_QUOTED, *recordings.VARIED_ANNOUNCED),
    ],
    "alfworld": [*games.REQUESTS, *games.VARIED_REQUESTS],
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
    assert not question.startswith(courtesies.OPENINGS)
    assert not question.endswith(courtesies.CLOSINGS)


def test_templates_are_recognised() -> None:
    assert matches(TEMPLATES["image"], "Paint a red dog for me.")
    assert ("a dog",) in matches(TEMPLATES["retrieval"], "what is a dog")
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
