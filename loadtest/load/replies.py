"""What the human answers, and after how long."""

from collections.abc import Sequence
from typing import Protocol

from loadtest.load.prompts import HUMAN
from loadtest.load.sse import Told


class Thinker(Protocol):
    """What is used of ``SimulatedHuman``."""

    def turn(self) -> tuple[float, str]:
        """Seconds of a turn, and words to say in it."""
        ...


class Replies:
    """The answers to the questions of one request.

    Args:
        replies: What is said to the first question, the second, and so on.
        human: Draws how long it takes, and what is said when the replies are used up.
    """

    def __init__(self, replies: Sequence[str], human: Thinker) -> None:
        self._replies = list(replies)
        self._human = human
        self._asked: set[str] = set()

    def to(self, told: Told) -> tuple[float, str] | None:
        """Seconds and text of the answer, if this is a question that was not heard before."""
        if told.kind != HUMAN or told.state != "running" or told.id in self._asked:
            return None
        self._asked.add(told.id)
        think_s, words = self._human.turn()
        return think_s, self._replies.pop(0) if self._replies else words
