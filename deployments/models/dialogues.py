"""The mixture that the models learn from: a generator a kind, and how often each comes."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from deployments.models.courtesies import courteous
from deployments.models.dialogue import Dialogue, Generator, Split, answer
from deployments.models.encyclopedia import VARIED_QUESTIONS, EncyclopediaGenerator
from deployments.models.games import game, varied_game
from deployments.models.interviews import interview, varied_interview
from deployments.models.pictures import picture, varied_picture
from deployments.models.problems import bare_sum, calculator, varied_calculator
from deployments.models.recordings import recording, varied_recording
from deployments.models.small_talk import direct, small_talk

encyclopedia = EncyclopediaGenerator()
varied_encyclopedia = EncyclopediaGenerator(questions=VARIED_QUESTIONS)


def unaided(rng: Random, split: Split) -> Dialogue:
    """A question that needs a tool, when there is none."""
    made = rng.choice((calculator, encyclopedia, picture, recording))(rng, split)
    excuse = answer("I cannot answer that without a tool.")
    return Dialogue("unaided", (made.messages[0], excuse), ())


GENERATORS: Mapping[str, Generator] = {
    "calculator": calculator,
    "retrieval": encyclopedia,
    "alfworld": game,
    "chatbot": interview,
    "image": picture,
    "speech": recording,
    "sum": bare_sum,
    "chat": small_talk,
    "direct": direct,
    "unaided": unaided,
    "varied-calculator": courteous(varied_calculator),
    "varied-retrieval": courteous(varied_encyclopedia),
    "varied-alfworld": courteous(varied_game),
    "varied-chatbot": courteous(varied_interview),
    "varied-image": courteous(varied_picture),
    "varied-speech": courteous(varied_recording, closings=False),
}
"""One generator a kind. A new augmentation adds its line here and its share to a mix.

The varied kinds say the same in many more words: what the small model cannot keep, the demo
model learns to see through.
"""

Mix = Mapping[str, float]
SMOLLM2_MIX: Mix = {
    "calculator": 0.08,
    "sum": 0.05,
    "retrieval": 0.09,
    "alfworld": 0.07,
    "chatbot": 0.13,
    "image": 0.05,
    "speech": 0.04,
    "chat": 0.04,
    "direct": 0.02,
    "varied-calculator": 0.09,
    "varied-retrieval": 0.06,
    "varied-alfworld": 0.06,
    "varied-chatbot": 0.11,
    "varied-image": 0.06,
    "varied-speech": 0.05,
}
TINY_MIX: Mix = {
    "calculator": 0.26,
    "retrieval": 0.20,
    "alfworld": 0.12,
    "chatbot": 0.16,
    "image": 0.10,
    "speech": 0.10,
    "chat": 0.03,
    "unaided": 0.03,
}

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
        if following.tools and not any(_is_game(one) for one in (made, following)):
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


def _is_game(made: Dialogue) -> bool:
    return any(call["name"] == "alfworld" for call in made.calls)


def _tools(rng: Random, made: Dialogue) -> tuple[str, ...]:
    """The tools that ``made`` calls, often with others beside them, in any order."""
    if made.kind in TOOLLESS or (not made.calls and rng.random() < TOOLLESS_CHAT_SHARE):
        return ()
    others = [name for name in TOOLS if name not in made.tools]
    count = rng.choice((0, rng.randint(0, len(others)), len(others), len(others)))
    if not made.tools:
        count = max(1, count)
    tools = [*made.tools, *rng.sample(others, count)]
    rng.shuffle(tools)
    return tuple(tools)


TOOLS = ("calculator", "retrieval", "alfworld", "chatbot", "image", "speech")
