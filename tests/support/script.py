"""Conversations with known answers: what the model must say, turn by turn."""

import random
from dataclasses import dataclass

from in_process_engine import InProcessEngine

VOCABULARY = range(2, 512)


@dataclass(frozen=True)
class ScriptedTurn:
    """One turn of a script.

    Attributes:
        input_ids: What goes in: the prompt, or an augmentation's result.
        expected_ids: What a from-scratch run on the whole context generates.
        trigger: The token that ends the turn with a call; None in the last turn.
    """

    input_ids: list[int]
    expected_ids: list[int]
    trigger: int | None


def random_ids(rng: random.Random, count: int) -> list[int]:
    """``count`` random ordinary tokens."""
    return [rng.choice(VOCABULARY) for _ in range(count)]


def write_script(
    engine: InProcessEngine, rng: random.Random, *, prompt_tokens: int, interceptions: int
) -> list[ScriptedTurn]:
    """Generates a conversation from scratch after each interception."""
    turns: list[ScriptedTurn] = []
    context: list[int] = []
    for turn in range(interceptions + 1):
        input_ids = random_ids(rng, prompt_tokens if turn == 0 else rng.randint(5, 60))
        context += input_ids
        generated = engine.generate(context, 20)
        trigger = None
        if turn < interceptions:
            end = _first_new_token(generated, at_least=3)
            trigger, generated = generated[end], generated[: end + 1]
        turns.append(ScriptedTurn(input_ids, generated, trigger))
        context += generated
    return turns


def _first_new_token(token_ids: list[int], *, at_least: int) -> int:
    """A position whose token has not come before, so that it can serve as a trigger."""
    fresh = [i for i, token in enumerate(token_ids) if token not in token_ids[:i]]
    return next((i for i in fresh if i >= at_least), fresh[-1])
