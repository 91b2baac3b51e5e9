"""Finds the first call in a text that comes in pieces."""

from collections.abc import Sequence
from dataclasses import dataclass

from intercept_core.scheduler.text_trigger import TextTrigger


@dataclass(frozen=True, slots=True)
class Found:
    """A call.

    Attributes:
        trigger: Index of its trigger.
        argument: The text between start and end.
        end: Characters of the text up to the end of the call.
    """

    trigger: int
    argument: str
    end: int


class TextWatch:
    """Reads one turn. The first start opens a call, and only its own end closes it.

    What is found does not depend on how the text is cut into pieces, if no start contains
    another.

    Args:
        triggers: What to look for.
        other_start: Opens a call that no trigger closes; None if there is no such text.

    Attributes:
        text: All that was read.
    """

    def __init__(self, triggers: Sequence[TextTrigger], other_start: str | None = None) -> None:
        self._triggers = triggers
        self._starts = [trigger.start for trigger in triggers]
        if other_start is not None:
            self._starts.append(other_start)
        self._longest_start = max(map(len, self._starts))
        self._open: int | None = None
        self._argument_from = 0
        self._search_from = 0
        self.text = ""

    def feed(self, piece: str) -> Found | None:
        """Adds a piece; returns the call that it completes."""
        self.text += piece
        if self._open is None:
            self._look_for_start()
        if self._open is None or self._open == len(self._triggers):
            return None
        end = self._triggers[self._open].end
        place = self.text.find(end, self._search_from)
        if place < 0:
            self._search_from = max(self._argument_from, len(self.text) - len(end) + 1)
            return None
        argument = self.text[self._argument_from : place]
        return Found(self._open, argument, place + len(end))

    def _look_for_start(self) -> None:
        found = [
            (place, index)
            for index, start in enumerate(self._starts)
            if (place := self.text.find(start, self._search_from)) >= 0
        ]
        if not found:
            self._search_from = max(len(self.text) - self._longest_start + 1, 0)
            return
        place, self._open = min(found)
        self._argument_from = self._search_from = place + len(self._starts[self._open])
