"""Dialogues that need no tool, whether tools are on or not."""

from random import Random

from deployments.models.dialogue import (
    Dialogue,
    Message,
    Split,
    answer,
    dialogue,
    split_of,
    user,
    words,
)
from deployments.models.stories import NAMES

KIND = "chat"

LIKES = words(
    "birds cats chess coffee cooking cycling dancing dogs films football gardening hiking "
    "history jazz maps music opera painting pasta poetry puzzles rain rivers robots stars "
    "swimming tea tennis trains"
)

EXCHANGES = (
    (("Hello!", "Hi there.", "Hi!", "Good morning!", "Hey."), "Hello! How can I help you?"),
    (("Thanks!", "Thank you.", "Thanks a lot!", "Great, thank you!"), "You are welcome!"),
    (("Bye!", "Goodbye.", "See you later."), "Goodbye!"),
    (("How are you?", "How are you doing?"), "I am fine, thank you. How can I help you?"),
    (
        ("Who are you?", "What can you do?", "What are you?"),
        "I can calculate, look things up, play, ask you, draw and speak.",
    ),
    (("OK.", "I see.", "That is good to know."), "Is there anything else that I can do?"),
)


def small_talk(rng: Random, split: Split) -> Dialogue:
    """A greeting and the like, or somebody who says what they like."""
    if split == "train" and rng.random() < 0.5:
        said, replied = rng.choice(EXCHANGES)
        return dialogue(KIND, [user(rng.choice(said)), answer(replied)])
    while True:
        name, first, second = rng.choice(NAMES), *rng.sample(LIKES, 2)
        if split_of(f"{name} {first}") == split:
            break
    said = (
        f"Hi, I am {name} and I like {first}.",
        f"Hello! My name is {name}. I like {first}.",
        f"Hey, {name} here. I love {first}.",
    )
    turns: list[Message | list[Message]] = [
        user(rng.choice(said)),
        answer(f"Nice to meet you, {name}! What do you like besides {first}?"),
    ]
    if rng.random() < 0.6:
        said = (f"I also like {second}.", f"Well, {second} too.", f"I enjoy {second}.")
        turns += [
            user(rng.choice(said)),
            answer(f"Great, {first} and {second} go well together, {name}."),
        ]
    return dialogue(KIND, turns)


def direct(rng: Random, split: Split) -> Dialogue:
    """A sum that is small enough to answer without any tool."""
    while True:
        a, b = rng.randint(1, 12), rng.randint(1, 12)
        if split_of(f"direct {a} {b}") == split:
            break
    question, result = rng.choice(
        (
            (f"What is {a} plus {b}?", a + b),
            (f"What is {a} + {b}?", a + b),
            (f"Add {a} and {b}.", a + b),
            (f"What is {a} times {b}?", a * b),
            (f"What is {a} * {b}?", a * b),
        )
    )
    return dialogue(KIND, [user(question), answer(f"The answer is {result}.")])
