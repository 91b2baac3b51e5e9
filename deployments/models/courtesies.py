"""What people put around a request."""

from dataclasses import replace
from random import Random

from deployments.models.dialogue import Dialogue, Generator, Split, user

OPENINGS = (
    *("Hi! ", "Hello, ", "Hey, ", "Good morning. ", "Hi there, ", "Excuse me, "),
    *("Quick question. ", "I have a request. ", "One more thing: ", "By the way, "),
    *("Please help me. ", "Listen, ", "OK, next. ", "Hello assistant! ", "Now this: "),
)
CLOSINGS = (
    *(" Thanks!", " Thank you.", " Thanks a lot.", " I am curious.", " It is urgent."),
    *(" That would be great.", " Please be quick.", " Take your time.", " Can you do that?"),
)
OPENING_SHARE, CLOSING_SHARE = 0.2, 0.12


def courteous(generator: Generator, *, closings: bool = True) -> Generator:
    """``generator``, but now and then with a greeting before the request or thanks after it.

    Args:
        generator: Makes the dialogues; their first message is the request.
        closings: Whether something may follow the request. It may not where a request can
            end with a text that is to be repeated.
    """

    def made(rng: Random, split: Split) -> Dialogue:
        dialogue = generator(rng, split)
        request, *others = dialogue.messages
        text = request["content"]
        if rng.random() < OPENING_SHARE:
            text = rng.choice(OPENINGS) + text
        if closings and rng.random() < CLOSING_SHARE:
            text += rng.choice(CLOSINGS)
        return replace(dialogue, messages=(user(text), *others))

    return made
