"""Dialogues in which the model asks or tells the human something and goes on with the reply."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

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
from deployments.models.encyclopedia import EncyclopediaGenerator
from deployments.models.headwords import headword, with_article
from deployments.models.interview_requests import (
    PLAIN_REQUESTS,
    VARIED_REQUESTS,
    InterviewRequests,
)
from deployments.models.pictures import COLOURS, description, drawn
from deployments.models.problems import calculate
from deployments.models.recordings import PLACES_TO_GO, sentence, spoken
from deployments.models.stories import NAMES, THINGS

KIND = "chatbot"

FAVOURITES: Mapping[Split, tuple[str, ...]] = {
    "train": words(
        "animal band bird book breakfast car cheese city colour composer country dessert "
        "dish drink film flower food fruit game hobby holiday hotel island language month "
        "movie museum number painter planet poem restaurant season singer snack song "
        "sport subject teacher tea team toy tree vegetable writer"
    ),
    "test": words(
        "actor beach bridge cartoon castle dance fabric festival insect joke magazine mountain "
        "opera perfume pizza proverb river sandwich scientist soup spice superhero"
    ),
}
FACTS: Mapping[Split, tuple[str, ...]] = {
    "train": words(
        "address age birthday email hometown job licence-plate middle-name mother-tongue name "
        "nickname phone-number postcode shoe-size surname user-name"
    ),
    "test": words("blood-type employer first-name height profession room-number star-sign"),
}
YES = ("Yes.", "Yes, please.", "Sure.", "Yes", "yes please", "OK", "Go ahead.", "Of course.")
NO = ("No.", "No, thanks.", "No", "Please do not.", "no way", "Not now.", "Rather not.")
THANKS = ("Thanks!", "OK", "Good to know.", "Thank you.", "All right", "Great", "I see.")
MONTHS = words("January March April May June July August October December")


@dataclass(frozen=True, slots=True)
class Plan:
    """Something to plan with two questions.

    Attributes:
        names: What is planned, in each split.
        questions: The two messages to the human.
        replies: What the human may say to each, with the fields of ``_fields``.
        summary: The final answer; ``{0}`` is the plan's name, then the two replies.
    """

    names: Mapping[Split, tuple[str, ...]]
    questions: tuple[str, str]
    replies: tuple[tuple[str, ...], tuple[str, ...]]
    summary: str = "Here is your plan for {0}: {1}, {2}."


PLANS = (
    Plan(
        {
            "train": (
                *("a trip", "a weekend trip", "my holiday", "a city trip", "our honeymoon"),
                *("a vacation", "a road trip", "a cruise", "our anniversary trip"),
            ),
            "test": ("a journey", "my summer trip", "a long trip", "our holiday"),
        },
        ("Where do you want to go?", "When do you want to go?"),
        (
            ("{place}", "to {place}", "{place} or {other_place}", "somewhere near {place}"),
            ("in {month}", "next week", "on Friday", "tomorrow", "on {month} {digit}"),
        ),
    ),
    Plan(
        {
            "train": (
                "a dinner",
                "a lunch",
                "a picnic",
                "a barbecue",
                "a brunch",
                "our supper",
            ),
            "test": ("a breakfast", "my dinner", "a big lunch"),
        },
        ("What do you want to eat?", "How many people will come?"),
        (
            ("pizza", "{word}", "fish and {word}", "soup", "something with {word}"),
            ("{digit}", "{digit} people", "about {number}", "just {name} and me"),
        ),
    ),
    Plan(
        {
            "train": (
                *("a party", "a birthday party", "a wedding", "a meeting", "a concert"),
                *("a reunion", "our farewell party", "an exhibition"),
            ),
            "test": ("a garden party", "my wedding", "our meeting"),
        },
        ("Where shall it be?", "Who will come?"),
        (
            ("in {place}", "at home", "in the garden", "at my office", "at the {word}"),
            ("{name} and {friend}", "my friends", "{number} people", "{name}", "the family"),
        ),
    ),
)
OTHERS = {
    "names": words("Bruno Clara Felix Greta Hugo Iris Jonas Klara Lars Mona Otto Ruth Stefan"),
    "places": words("Ankara Bergen Bogota Bristol Cork Dakar Delhi Denver Gdansk Hanoi Turin"),
    "things": words(
        "bicycles bricks carpets clocks drums envelopes ladders parcels sofas violins"
    ),
}
"""Fillings that stand in held-out dialogues only, where the fillings are the whole prompt."""

FAILURE_SHARE = 0.02
encyclopedia = EncyclopediaGenerator()


def interview(rng: Random, split: Split) -> Dialogue:
    """One request to ask or tell the human something, and what follows from the reply."""
    return _interview(rng, split, PLAIN_REQUESTS)


def varied_interview(rng: Random, split: Split) -> Dialogue:
    """The same in many more words."""
    return _interview(rng, split, VARIED_REQUESTS)


def _interview(rng: Random, split: Split, requests: InterviewRequests) -> Dialogue:
    make = rng.choices(
        (_what, _whether, _check, _tell, _plan, _sum, _article, _image, _speech),
        (18, 8, 16, 10, 26, 6, 5, 7, 4),
    )[0]
    return dialogue(KIND, make(rng, split, requests))


def _what(rng: Random, split: Split, requests: InterviewRequests) -> list[Message]:
    fields = _fields(rng, split)
    if rng.random() < 0.75:
        asked = f"favourite {rng.choice(FAVOURITES[split])}"
        reply = rng.choice(("{word}", "{word}", "{name}", "{place}", "{thing}", "{number}"))
    else:
        asked = rng.choice(FACTS[split]).replace("-", " ")
        reply = rng.choice(("{number}", "{name}", "{place}", "{word}", "{name} {number}"))
    reply = reply.format(**fields)
    request, message = rng.choice(requests.what).format(asked), f"What is your {asked}?"
    if rng.random() < FAILURE_SHARE:
        return [user(request), *failed_call(rng, KIND, {"message": message})]
    if rng.random() < 0.25:
        reply = rng.choice(("I like {}", "It is {}", "I think it is {}")).format(reply)
        return [*_exchange(request, message, _typed(rng, reply)), answer(f"You said: {reply}.")]
    said = _typed(rng, reply)
    return [*_exchange(request, message, said), answer(f"Your {asked} is {said.rstrip('.')}.")]


def _whether(rng: Random, split: Split, requests: InterviewRequests) -> list[Message]:
    habit = rng.choice(requests.habits).format(**_fields(rng, split))
    verb = "Are" if habit.startswith("are ") else "Do"
    verb = "Have" if habit.startswith("have been") else verb
    rest = habit.split(" ", 1)[1] if verb != "Do" else habit
    message = f"{verb} you {rest}?"
    request = rng.choice(requests.whether).format(habit)
    yes = rng.random() < 0.5
    said = rng.choice(YES if yes else NO)
    ending = f"You said {'yes' if yes else 'no'}."
    return [*_exchange(request, message, said), answer(ending)]


def _check(rng: Random, split: Split, requests: InterviewRequests) -> list[Message]:
    deed = rng.choice(requests.deeds).format(**_fields(rng, split))
    request = rng.choice(requests.checks).format(deed)
    request = request[0].upper() + request[1:]
    kind = rng.random()
    if kind < 0.4:
        said, ending = rng.choice(YES), f"All right, I will {deed}."
    elif kind < 0.75:
        said, ending = rng.choice(NO), f"All right, I will not {deed}."
    else:
        fields = _fields(rng, split)
        later = ("only {number}", "tomorrow", "ask {name} first", "wait until {month}")
        reply = rng.choice(later).format(**fields)
        said, ending = _typed(rng, reply), f"You said: {reply}."
    return [*_exchange(request, f"Shall I {deed}?", said), answer(ending)]


def _tell(rng: Random, split: Split, requests: InterviewRequests) -> list[Message]:
    news = rng.choice(requests.news).format(**_fields(rng, split))
    message = f"{news[0].upper()}{news[1:]}."
    reply = rng.choice((*THANKS, *YES))
    request = rng.choice(requests.tell).format(news)
    return [
        *_exchange(request, message, reply),
        answer(f"You said: {reply.rstrip('.!')}."),
    ]


def _plan(rng: Random, split: Split, requests: InterviewRequests) -> list[Message]:
    plan, fields = rng.choice(PLANS), _fields(rng, split)
    name = rng.choice(plan.names[split])
    first, second = (rng.choice(replies).format(**fields) for replies in plan.replies)
    summary = plan.summary.format(re.sub(r"^(my|our) ", "your ", name), first, second)
    request = rng.choice(requests.plan).format(name)
    request = request[0].upper() + request[1:]
    return [
        *_exchange(request, plan.questions[0], _typed(rng, first)),
        *call(KIND, {"message": plan.questions[1]}, _typed(rng, second)),
        answer(summary),
    ]


def _sum(rng: Random, split: Split, requests: InterviewRequests) -> list[Message]:
    while True:
        number, told = str(rng.randint(2, 500)), str(rng.randint(2, 99))
        if split_of(f"{number} {told}") == split:
            break
    request, sign = rng.choice(requests.sums)
    things = str(_fields(rng, split)["things"])
    message = f"How many {things} do you have?" if "{things}" in request else "Which number?"
    expression = f"{number}{sign}{told}"
    result = calculate(expression)
    return [
        *_exchange(request.format(told, things=things), message, _typed(rng, number)),
        *call("calculator", {"expression": expression}, result),
        answer(f"The answer is {result}."),
    ]


def _article(rng: Random, split: Split, requests: InterviewRequests) -> list[Message]:
    request = rng.choice(requests.articles)
    title, found = encyclopedia.article(rng, split)
    return [*_exchange(request, "What shall I look up?", _typed(rng, title)), *found]


def _image(rng: Random, split: Split, requests: InterviewRequests) -> list[Message]:
    if rng.random() < 0.5:
        request = rng.choice(requests.drawings)
        what = description(rng, split)
        return [*_exchange(request, "What shall I draw?", _typed(rng, what)), *drawn(rng, what)]
    thing = str(_fields(rng, split)["thing"])
    colour = rng.choice(COLOURS)
    request = rng.choice(requests.coloured).format(thing=thing)
    what = with_article(f"{colour} {thing}")
    return [*_exchange(request, "Which colour?", _typed(rng, colour)), *drawn(rng, what)]


def _speech(rng: Random, split: Split, requests: InterviewRequests) -> list[Message]:
    request = rng.choice(requests.sayings)
    text = sentence(rng, split)
    return [*_exchange(request, "What shall I say?", text), *spoken(rng, text)]


def _exchange(request: str, message: str, reply: str) -> list[Message]:
    return [user(request), *call(KIND, {"message": message}, reply)]


def _typed(rng: Random, reply: str) -> str:
    """``reply`` as somebody types it: with a full stop or a capital, or without."""
    return reply + rng.choice(("", "."))


def _fields(rng: Random, split: Split) -> dict[str, object]:
    """Fillings of all texts here."""
    test = split == "test"
    name, friend = rng.sample(OTHERS["names"] if test else NAMES, 2)
    place, other_place = rng.sample(OTHERS["places"] if test else PLACES_TO_GO, 2)
    things = rng.choice(OTHERS["things"] if test else THINGS)
    return {
        "name": name,
        "friend": friend,
        "place": place,
        "other_place": other_place,
        "number": rng.randint(2, 120),
        "digit": rng.randint(2, 9),
        "things": things,
        "thing": things.rstrip("s"),
        "word": headword(rng, split),
        "month": rng.choice(MONTHS),
    }
