"""Dialogues that ask for an image: the prompt is what the request describes, word for word."""

from random import Random

from deployments.models.dialogue import (
    Dialogue,
    Message,
    Split,
    answer,
    call,
    dialogue,
    failed_call,
    file_name,
    split_of,
    user,
    words,
)
from deployments.models.headwords import headword, with_article

KIND = "image"

REQUESTS = (
    "Draw {}.",
    "Draw {}.",
    "Please draw {}.",
    "Please paint {}.",
    "Paint {} for me.",
    "Make a picture of {}.",
    "Make an image of {}.",
    "Generate an image of {}.",
    "Create an image of {}.",
    "Can you draw {}?",
    "Could you make a picture of {}?",
    "I would like a picture of {}.",
    "I need a drawing of {}.",
    "Give me an image of {}.",
    "Sketch {}.",
    "Picture: {}",
)
PAIRS = ("Draw {} and then {}.", "Draw {}. Then draw {}.", "Make two pictures: {} and {}.")
COLOURS = words("black blue brown gray green orange pink purple red white yellow")
SHAPES = words("circle cross diamond heart ring square star triangle")
LOOKS = words("big bright broken dark friendly huge little new old round shiny small tall tiny")
PLACES = (
    *("in the rain", "at night", "under a tree", "by the sea", "in a garden", "on a hill"),
    *("in the snow", "on a table", "at sunset", "in the city", "behind a fence", "with wings"),
)
SECOND_SHARE, FAILURE_SHARE = 0.08, 0.02


def picture(rng: Random, split: Split) -> Dialogue:
    """One picture, seldom two, and an answer with the name of its file."""
    if rng.random() < SECOND_SHARE:
        return dialogue(KIND, _two(rng, split))
    what = description(rng, split)
    asked = user(rng.choice(REQUESTS).format(what))
    if rng.random() < FAILURE_SHARE:
        return dialogue(KIND, [asked, *failed_call(rng, KIND, {"prompt": what})])
    return dialogue(KIND, [asked, *drawn(rng, what)])


def drawn(rng: Random, what: str) -> list[Message]:
    """The call that draws ``what``, and the answer."""
    name = file_name(rng, "image", "png")
    return [*_call(what, name), answer(f"Here is your image: {name}")]


def description(rng: Random, split: Split) -> str:
    """What to draw: coloured shapes, or anything that has a name."""
    while True:
        what = rng.choice((_shape, _shape, _thing))(rng, split)
        if split_of(what) == split:
            return what


def _two(rng: Random, split: Split) -> list[Message]:
    one, other = (description(rng, split) for _ in range(2))
    names = [file_name(rng, "image", "png") for _ in range(2)]
    return [
        user(rng.choice(PAIRS).format(one, other)),
        *_call(one, names[0]),
        *_call(other, names[1]),
        answer(f"Here are your images: {names[0]} and {names[1]}"),
    ]


def _shape(rng: Random, split: Split) -> str:
    colour, other = rng.sample(COLOURS, 2)
    look = rng.choices(("", f"{rng.choice(LOOKS)} "), (2, 1))[0]
    shape = rng.choice(SHAPES)
    what = with_article(f"{look}{colour} {shape}")
    if rng.random() < 0.12:
        plural = f"{shape}es" if shape.endswith("s") else f"{shape}s"
        what = f"{rng.choice(('two', 'three', 'four', 'many'))} {look}{colour} {plural}"
    ending = (
        *("", f" on {with_article(other)} background", f" on {other}"),
        f" beside {with_article(other)} {rng.choice(SHAPES)}",
    )
    return what + rng.choices(ending, (4, 4, 1, 1))[0]


def _thing(rng: Random, split: Split) -> str:
    look = rng.choice(("", f"{rng.choice(COLOURS)} ", f"{rng.choice(LOOKS)} "))
    noun = headword(rng, split)
    what = rng.choices((with_article(f"{look}{noun}"), f"the {look}{noun}"), (6, 1))[0]
    return what + rng.choice(("", "", f" {rng.choice(PLACES)}"))


def _call(what: str, name: str) -> list[Message]:
    return call(KIND, {"prompt": what}, f"Image saved as {name}.")
