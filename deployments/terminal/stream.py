"""What a streamed chat completion tells, one thing after the other."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """Some more of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an interception.

    Attributes:
        told: The extra field of the chunk, as the server wrote it.
    """

    told: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Of the interception, all its steps alike."""
        return str(self.told["id"])

    @property
    def asks(self) -> bool:
        """Whether it waits for the words of whoever sent the request."""
        return self.told["kind"] == "chatbot" and self.told["state"] == "running"


@dataclass(frozen=True, slots=True)
class Used:
    """The end.

    Attributes:
        completion_tokens: Tokens that the model wrote, calls included.
    """

    completion_tokens: int


def events(chunks: Iterable[Any]) -> Iterator[Said | Step | Used]:
    """From the chunks of the ``openai`` client, which keeps fields that it does not know."""
    for chunk in chunks:
        told = getattr(chunk, "interception", None)
        if told is not None:
            yield Step(told)
        elif chunk.choices and (text := chunk.choices[0].delta.content):
            yield Said(text)
        if chunk.usage is not None:
            yield Used(chunk.usage.completion_tokens)
