"""What a training dialogue is: OpenAI messages, the tools that are on, and its kind."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

Message = dict[str, Any]
Split = Literal["train", "test"]

TEST_SHARE = 0.1
"""Share of all fillings (number pairs, headwords, names) that training never sees."""


ERROR_PREFIX = "Error: "
"""How a result begins that tells of a failure."""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One conversation as an OpenAI client would replay it.

    Attributes:
        kind: The generator that made it, e.g. ``calculator``.
        messages: OpenAI chat messages, calls and their results included.
        tools: Names of the tools that the request turns on.
    """

    kind: str
    messages: tuple[Message, ...]
    tools: tuple[str, ...]

    @property
    def calls(self) -> list[Message]:
        """The tool calls in order, each a ``{"name", "arguments"}`` mapping."""
        return [
            call["function"]
            for message in self.messages
            for call in message.get("tool_calls", ())
        ]

    @property
    def openai_tools(self) -> list[Message] | None:
        """The request's ``tools`` field, None when no tool is on."""
        return [openai_tool(name) for name in self.tools] or None


Generator = Callable[[Random, Split], Dialogue]

FAILURES = (
    "the deadline of 5 seconds has passed.",
    "the worker was lost.",
    "too many calls are waiting, try again later.",
    "the service is not available.",
)
"""What every tool may answer behind ``ERROR_PREFIX``."""


def split_of(filling: str) -> Split:
    """The split that owns a filling: decided by its hash, the same on every machine."""
    digest = hashlib.sha256(filling.encode()).digest()
    return "test" if digest[0] < 256 * TEST_SHARE else "train"


def openai_tool(name: str) -> Message:
    """A tool as OpenAI's protocol lists it; the template renders its name alone."""
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def user(text: str) -> Message:
    """A user's turn."""
    return {"role": "user", "content": text}


def answer(text: str) -> Message:
    """An assistant's turn that calls nothing."""
    return {"role": "assistant", "content": text}


def apology(error: str) -> Message:
    """The turn that follows a result of the form ``Error: why.``"""
    return answer(f"Sorry, that did not work: {error.removeprefix(ERROR_PREFIX)}")


def failed_call(rng: Random, name: str, arguments: Mapping[str, Any]) -> list[Message]:
    """A call that fails, and the apology."""
    error = f"{ERROR_PREFIX}{rng.choice(FAILURES)}"
    return [*call(name, arguments, error), apology(error)]


def file_name(rng: Random, stem: str, suffix: str) -> str:
    """The name of an artifact, e.g. ``image-0123456789.png``: its middle is a hash's begin."""
    return f"{stem}-{rng.getrandbits(40):010x}.{suffix}"


def words(text: str) -> tuple[str, ...]:
    """The words of ``text``."""
    return tuple(text.split())


def call(
    name: str, arguments: Mapping[str, Any], result: str, thought: str = ""
) -> list[Message]:
    """An assistant's turn that calls ``name``, and the turn with its result.

    Args:
        name: The tool.
        arguments: Its arguments.
        result: What the tool answers.
        thought: What the assistant says before it calls.
    """
    function = {"name": name, "arguments": dict(arguments)}
    return [
        {
            "role": "assistant",
            "content": thought,
            "tool_calls": [{"id": "call", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call", "content": result},
    ]


def dialogue(kind: str, turns: Sequence[Message | list[Message]]) -> Dialogue:
    """Joins turns, single or in groups, to a dialogue with the tools that it calls."""
    messages: list[Message] = []
    for turn in turns:
        messages.extend(turn if isinstance(turn, list) else [turn])
    made = Dialogue(kind, tuple(messages), ())
    return Dialogue(kind, made.messages, tuple({c["name"]: None for c in made.calls}))
