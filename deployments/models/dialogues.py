"""The mixture that the models learn from: a generator a kind, and how often each comes."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from deployments.models.dialogue import Dialogue, Generator, Split, answer
from deployments.models.encyclopedia import EncyclopediaGenerator
from deployments.models.problems import calculator
from deployments.models.small_talk import direct, small_talk

encyclopedia = EncyclopediaGenerator()


def unaided(rng: Random, split: Split) -> Dialogue:
    """A question that needs a tool, when there is none."""
    made = rng.choice((calculator, encyclopedia))(rng, split)
    excuse = answer("I cannot answer that without a tool.")
    return Dialogue("unaided", (made.messages[0], excuse), ())


GENERATORS: Mapping[str, Generator] = {
    "calculator": calculator,
    "retrieval": encyclopedia,
    "chat": small_talk,
    "direct": direct,
    "unaided": unaided,
}
"""One generator a kind. A new augmentation adds its line here and its share to a mix."""

Mix = Mapping[str, float]
SMOLLM2_MIX: Mix = {"calculator": 0.48, "retrieval": 0.32, "chat": 0.12, "direct": 0.08}
TINY_MIX: Mix = {"calculator": 0.50, "retrieval": 0.38, "chat": 0.06, "unaided": 0.06}

TOOLLESS = frozenset({"direct", "unaided"})
"""Kinds whose requests turn no tool on."""

TOOLLESS_CHAT_SHARE = 0.35
JOINED_SHARE = 0.12
SYSTEM_SHARE = 0.06
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "Answer briefly.",
    "You are a careful assistant that uses tools when they help.",
    "Be concise and precise.",
)


def sample(rng: Random, split: Split, mix: Mix) -> Dialogue:
    """Draws one dialogue; the same ``rng`` state gives the same one.

    Some dialogues go on with a second question, and some begin with a system prompt.
    """
    kinds, weights = list(mix), list(mix.values())
    made = draw(rng, split, rng.choices(kinds, weights)[0])
    if made.tools and rng.random() < JOINED_SHARE:
        following = draw(rng, split, rng.choices(kinds, weights)[0])
        if following.tools:
            messages = made.messages + following.messages
            tools = tuple({name: None for name in made.tools + following.tools})
            made = replace(made, messages=messages, tools=tools)
    if rng.random() < SYSTEM_SHARE:
        system = {"role": "system", "content": rng.choice(SYSTEM_PROMPTS)}
        made = replace(made, messages=(system, *made.messages))
    return made


def draw(rng: Random, split: Split, kind: str) -> Dialogue:
    """Draws one dialogue of ``kind`` and the tools of its request."""
    made = GENERATORS[kind](rng, split)
    return replace(made, kind=kind, tools=_tools(rng, made))


def _tools(rng: Random, made: Dialogue) -> tuple[str, ...]:
    """The tools that ``made`` calls, often with others beside them, in any order."""
    if made.kind in TOOLLESS or (not made.calls and rng.random() < TOOLLESS_CHAT_SHARE):
        return ()
    others = [name for name in TOOLS if name not in made.tools]
    count = rng.choice((0, len(others), len(others)))
    if not made.tools:
        count = max(1, count)
    tools = [*made.tools, *rng.sample(others, count)]
    rng.shuffle(tools)
    return tuple(tools)


TOOLS = ("calculator", "retrieval")
