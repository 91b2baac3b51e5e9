"""Dialogues that ask for an image: the prompt is what the request describes, word for word."""

from collections.abc import Callable, Sequence
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
VARIED_REQUESTS = (
    "Visualise {}.",
    "Render {}.",
    "Doodle {} for me.",
    "Put {} on paper.",
    "Put {} on the canvas.",
    "Let me see a picture of {}.",
    "My daughter wants a picture of {}.",
    "We need a logo with {}.",
    "I'd like you to sketch {}.",
    "For my card I need {} drawn.",
    "A picture of {} would help me.",
    "Can I have {} as an image?",
    "Turn this into an image: {}",
    "Image of {}",
    "Draw me {}.",
    "Draw me {}, would you?",
    "Paint {} in your own style.",
    "Here is an idea for a picture: {}.",
    "What I want drawn is {}.",
    "Next, draw {}.",
    "Generate {} as a picture.",
    "I am making a book. Draw {} for its cover.",
    "My friend has a birthday. Paint {} for her.",
    "The page is blank. Fill it with {}.",
    "Design {}.",
    "Do you know how to draw {}?",
    "Try to paint {}.",
    "Get me a photo of {}.",
    "{}: draw it.",
    "{}, as a drawing.",
    "Make me {} as a picture.",
    "Create a graphic with {}.",
    "Make a sticker with {} on it.",
    "I want to hang up a painting of {}.",
    "Please have {} drawn for the children.",
    "Can your pencil do {}?",
    "It should be {}. Draw that.",
    "I imagine {}. Please draw it.",
    "Could you quickly sketch {} for my slides?",
    "Give the invitation a picture: {}.",
    "Your next picture is {}.",
    "What about a sketch? Take {} for it.",
)
PAIRS = ("Draw {} and then {}.", "Draw {}. Then draw {}.", "Make two pictures: {} and {}.")
COLOURS = words("black blue brown gray green orange pink purple red white yellow")
SHAPES = words("circle cross diamond heart ring square star triangle")
LOOKS = words("big bright broken dark friendly huge little new old round shiny small tall tiny")
PLACES = (
    *("in the rain", "at night", "under a tree", "by the sea", "in a garden", "on a hill"),
    *("in the snow", "on a table", "at sunset", "in the city", "behind a fence", "with wings"),
)
ACTIONS = (
    *("chasing", "eating", "holding", "with", "in front of", "near", "watching", "inside"),
    *("on top of", "without", "under", "carrying"),
)
PLURALS = words(
    "apples balloons bears boats bottles bridges candles castles clouds cows cups ducks "
    "elephants feathers flags flowers frogs houses keys kites lamps leaves lions mice "
    "mountains owls pears pencils pigs rabbits rockets roses ships snakes spoons tigers towers "
    "trains trees umbrellas whales windows wolves"
)
SECOND_SHARE, FAILURE_SHARE = 0.08, 0.02

Maker = Callable[[Random, Split], str]


def picture(rng: Random, split: Split) -> Dialogue:
    """One picture, seldom two, and an answer with the name of its file."""
    if rng.random() < SECOND_SHARE:
        return dialogue(KIND, _two(rng, split))
    what = description(rng, split)
    return _one(rng, what, rng.choice(REQUESTS).format(what))


def varied_picture(rng: Random, split: Split) -> Dialogue:
    """One picture in many more words, now and then of something that happens."""
    what = description(rng, split, (_shape, _shape, _thing, _scene))
    request = rng.choice(VARIED_REQUESTS).format(what)
    return _one(rng, what, request[0].upper() + request[1:])


def _one(rng: Random, what: str, request: str) -> Dialogue:
    if rng.random() < FAILURE_SHARE:
        return dialogue(KIND, [user(request), *failed_call(rng, KIND, {"prompt": what})])
    return dialogue(KIND, [user(request), *drawn(rng, what)])


def drawn(rng: Random, what: str) -> list[Message]:
    """The call that draws ``what``, and the answer."""
    name = file_name(rng, "image", "png")
    return [*_call(what, name), answer(f"Here is your image: {name}")]


def description(rng: Random, split: Split, makers: Sequence[Maker] | None = None) -> str:
    """What to draw: by default coloured shapes, or anything that has a name."""
    while True:
        what = rng.choice(makers or (_shape, _shape, _thing))(rng, split)
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


def _scene(rng: Random, split: Split) -> str:
    who, other = headword(rng, split), headword(rng, split)
    number = rng.choice(("two", "three", "four", "some", "many"))
    what = rng.choice(
        (
            f"{with_article(who)} {rng.choice(ACTIONS)} {with_article(other)}",
            f"{with_article(who)} and {with_article(other)}",
            f"{number} {rng.choice(PLURALS)}",
            f"{number} {rng.choice(COLOURS)} {rng.choice(PLURALS)}",
            f"{rng.choice(PLURALS)} and {rng.choice(PLURALS)}",
            f"my {rng.choice(LOOKS)} {who}",
        )
    )
    return what + rng.choice(("", "", f" {rng.choice(PLACES)}"))


def _call(what: str, name: str) -> list[Message]:
    return call(KIND, {"prompt": what}, f"Image saved as {name}.")
