"""What users ask, by the kind of tool that helps with it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from deployments.demo.questions import QUESTIONS
from deployments.models.dialogue import ERROR_PREFIX, Dialogue
from deployments.models.encyclopedia import EncyclopediaGenerator
from deployments.models.interviews import interview
from deployments.models.pictures import picture
from deployments.models.problems import calculator
from deployments.models.recordings import recording

GAME = "alfworld"
HUMAN = "chatbot"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request.

    Attributes:
        kind: The augmentation that it is about.
        text: What the user says.
        tools: Augmentations that the request turns on.
        replies: What the user answers, if the model asks.
    """

    kind: str
    text: str
    tools: tuple[str, ...]
    replies: tuple[str, ...] = ()

    def body(self, model: str, max_tokens: int) -> dict[str, Any]:
        """The request as JSON: streamed, greedy, and with its usage at the end."""
        return {
            "model": model,
            "messages": [{"role": "user", "content": self.text}],
            "tools": [{"type": "function", "function": {"name": tool}} for tool in self.tools],
            "temperature": 0,
            "max_tokens": max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


def game(rng: Random) -> Prompt:
    """Begins a game; which one is the server's choice."""
    requests = [question.text for question in QUESTIONS if question.kind == GAME]
    return Prompt(GAME, rng.choice(requests), (GAME,))


def _of_dialogue(kind: str, made: Dialogue) -> Prompt:
    """The first request of a dialogue, and what the human says in it."""
    results = [message["content"] for message in made.messages if message["role"] == "tool"]
    replies = [
        result
        for call, result in zip(made.calls, results, strict=True)
        if call["name"] == HUMAN and not result.startswith(ERROR_PREFIX)
    ]
    return Prompt(kind, made.messages[0]["content"], made.tools, tuple(replies))


def _held_out(kind: str, generate: Callable[..., Dialogue]) -> Callable[[Random], Prompt]:
    """Fillings that the project's models have not learned from."""
    return lambda rng: _of_dialogue(kind, generate(rng, "test"))


PROMPTS: Mapping[str, Callable[[Random], Prompt]] = {
    "calculator": _held_out("calculator", calculator),
    "retrieval": _held_out("retrieval", EncyclopediaGenerator()),
    GAME: game,
    HUMAN: _held_out(HUMAN, interview),
    "image": _held_out("image", picture),
    "speech": _held_out("speech", recording),
}
"""Draws a prompt of each kind, the same one from the same state of the generator."""


def prompts(kinds: tuple[str, ...], seed: str) -> Iterator[Prompt]:
    """Prompts without end, their kinds drawn evenly as in the mix of InferCept's evaluation."""
    rng = Random(seed)
    while True:
        yield PROMPTS[rng.choice(kinds)](rng)
