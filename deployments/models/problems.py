"""Dialogues that calculate: plain arithmetic and word problems of one or two steps."""

from collections.abc import Sequence
from random import Random

from augment_workers.base import AugmentationError
from augment_workers.calculator import evaluate
from deployments.models.dialogue import (
    ERROR_PREFIX,
    Dialogue,
    Message,
    Split,
    answer,
    apology,
    call,
    dialogue,
    split_of,
    user,
    words,
)
from deployments.models.scenarios import (
    CONVERSION_STORIES,
    OPERATION_STORIES,
    SCENARIOS,
    SUBJECTS,
    TWO_STEP_SCENARIOS,
)
from deployments.models.stories import (
    BOXES,
    NAMES,
    ONE_STEP_STORIES,
    PLAIN_STORIES,
    THINGS,
    TWO_STEP_STORIES,
    Numbers,
    Story,
)

KIND = "calculator"
ERROR_SHARE = 0.02
TINY_SHARE = 0.12
"""Share of sums that a head could do, so that small numbers do not mean that no tool is on."""
WORD_SHARE, COMMA_SHARE = 0.15, 0.2
"""Shares of small numbers in words, and of large ones with a comma, in varied questions."""

OPERATORS = {"{a}*{b}": "*x", "{a}+{b}": "+", "{a}-{b}": "-", "{a}/{b}": "/"}
"""Expressions of two numbers, and how people type their signs."""
SUM_STORIES = [story for story in PLAIN_STORIES if story.steps[0] in OPERATORS]

NUMBER_WORDS = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
)


def calculator(rng: Random, split: Split) -> Dialogue:
    """One arithmetic question, its calls and the answer with the calculated number."""
    if rng.random() < ERROR_SHARE:
        return _division_by_zero(rng, split)
    stories = rng.choices((PLAIN_STORIES, ONE_STEP_STORIES, TWO_STEP_STORIES), (4, 4, 3))[0]
    story = rng.choice(stories)
    fields = _numbers(rng, split, story.numbers)
    fields["n"], fields["m"] = rng.sample(NAMES, 2)
    fields["things"], fields["box"] = rng.choice(THINGS), rng.choice(BOXES)
    return _solved(rng.choice(story.questions).format(**fields), story, fields)


def bare_sum(rng: Random, split: Split) -> Dialogue:
    """Two numbers, as somebody types them who tries the model: small ones are called, too."""
    story = rng.choice(SUM_STORIES)
    while True:
        largest = rng.choice((12, 12, 100, 1000))
        a, b = rng.randint(2, largest), rng.randint(2, largest)
        if split_of(f"{a} {b}") == split:
            break
    terse = f"{{a}} {rng.choice(OPERATORS[story.steps[0]])} {{b}}"
    asked = rng.choice((rng.choice(story.questions), f"What's {terse}?", terse, f"{terse} = ?"))
    if rng.random() < 0.2:
        asked = asked.replace(" ", "") if asked[0] == "{" else asked[0].lower() + asked[1:]
    fields = {"a": str(a), "b": str(b)}
    return _solved(asked.format(**fields), story, fields)


def varied_calculator(rng: Random, split: Split) -> Dialogue:
    """The same in many more words, and with numbers that are not always digits."""
    stories: Sequence[Story] = rng.choices(
        (OPERATION_STORIES, CONVERSION_STORIES, SCENARIOS, TWO_STEP_SCENARIOS), (5, 2, 8, 5)
    )[0]
    story = rng.choice(stories)
    fields = _numbers(rng, split, story.numbers)
    fields["n"], fields["m"] = rng.sample(NAMES, 2)
    fields["things"], fields["box"] = rng.choice(THINGS), rng.choice(BOXES)
    subject = rng.choice((rng.choice(SUBJECTS), rng.choice(NAMES)))
    fields["s"] = fields["t"] = subject
    if subject in SUBJECTS and subject != "I":
        fields["t"] = subject[0].lower() + subject[1:]
    spoken = fields | {name: _spoken(rng, fields[name]) for name in "abc"}
    question = rng.choice(story.questions).format(**spoken)
    return _solved(question[0].upper() + question[1:], story, fields)


def _solved(question: str, story: Story, fields: dict[str, str]) -> Dialogue:
    """The question, a call for each of the story's steps, and its answer."""
    turns: list[Message | list[Message]] = [user(question)]
    for step in story.steps:
        expression = step.format(**fields)
        fields["r"] = calculate(expression)
        turns.append(call(KIND, {"expression": expression}, fields["r"]))
    turns.append(answer(story.answer.format(**fields)))
    return dialogue(KIND, turns)


def calculate(expression: str) -> str:
    """What the model reads for ``expression``: its value, or why there is none."""
    try:
        return evaluate(expression)
    except AugmentationError as error:
        return f"{ERROR_PREFIX}{error}"


def _division_by_zero(rng: Random, split: Split) -> Dialogue:
    a = _numbers(rng, split, "any")["a"]
    question = rng.choice(("What is {} divided by 0?", "Divide {} by zero.")).format(a)
    result = calculate(f"{a}/0")
    return dialogue(
        KIND, [user(question), call(KIND, {"expression": f"{a}/0"}, result), apology(result)]
    )


def _numbers(rng: Random, split: Split, kind: Numbers) -> dict[str, str]:
    """Draws a, b and c of ``kind`` until the pair (a, b) belongs to ``split``."""
    while True:
        a, b, c = (_number(rng) for _ in range(3))
        if rng.random() < TINY_SHARE:
            a, b, c = (rng.randint(1, 12) for _ in range(3))
        if kind == "falling":
            c, b, a = sorted((a, b, c))
        elif kind == "small":
            b, a = sorted((rng.randint(2, 9), rng.randint(2, 20)))
        elif kind == "divisible":
            b = rng.randint(2, 25)
            a = b * rng.randint(2, 60)
        elif kind == "shared":
            c = rng.randint(2, 12)
            a = b + c * rng.randint(2, 40)
        elif kind == "change":
            a += b * c
        fields = {"a": str(a), "b": str(b), "c": str(c)}
        if kind == "money" and rng.random() < 0.4:
            fields["b"] = f"{rng.randint(0, 30)}.{rng.randint(1, 99):02}"
        if split_of(f"{fields['a']} {fields['b']}") == split:
            return fields


def _spoken(rng: Random, number: str) -> str:
    """``number`` as people write it, not always as the calculator reads it."""
    if number.isdecimal() and int(number) < len(NUMBER_WORDS) and rng.random() < WORD_SHARE:
        return NUMBER_WORDS[int(number)]
    if number.isdecimal() and int(number) >= 1000 and rng.random() < COMMA_SHARE:
        return f"{int(number):,}"
    return number


def _number(rng: Random) -> int:
    return rng.randint(2, rng.choices((20, 100, 1000, 9999), (3, 5, 2, 1))[0])
