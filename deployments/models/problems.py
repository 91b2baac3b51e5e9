"""Dialogues that calculate: plain arithmetic and word problems of one or two steps."""

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
)
from deployments.models.stories import (
    BOXES,
    NAMES,
    ONE_STEP_STORIES,
    PLAIN_STORIES,
    THINGS,
    TWO_STEP_STORIES,
    Numbers,
)

KIND = "calculator"
ERROR_SHARE = 0.02
TINY_SHARE = 0.12
"""Share of sums that a head could do, so that small numbers do not mean that no tool is on."""


def calculator(rng: Random, split: Split) -> Dialogue:
    """One arithmetic question, its calls and the answer with the calculated number."""
    if rng.random() < ERROR_SHARE:
        return _division_by_zero(rng, split)
    stories = rng.choices((PLAIN_STORIES, ONE_STEP_STORIES, TWO_STEP_STORIES), (4, 4, 3))[0]
    story = rng.choice(stories)
    fields = _numbers(rng, split, story.numbers)
    fields["n"], fields["m"] = rng.sample(NAMES, 2)
    fields["things"], fields["box"] = rng.choice(THINGS), rng.choice(BOXES)
    turns: list[Message | list[Message]] = [user(rng.choice(story.questions).format(**fields))]
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
        fields = {"a": str(a), "b": str(b), "c": str(c)}
        if kind == "money" and rng.random() < 0.4:
            fields["b"] = f"{rng.randint(0, 30)}.{rng.randint(1, 99):02}"
        if split_of(f"{fields['a']} {fields['b']}") == split:
            return fields


def _number(rng: Random) -> int:
    return rng.randint(2, rng.choices((20, 100, 1000, 9999), (3, 5, 2, 1))[0])
