"""Decides which part of the model's text a client may see, as it streams."""

from dataclasses import dataclass

from vllm.v1.engine.detokenizer import check_stop_strings


@dataclass(frozen=True, slots=True)
class Visible:
    """Text that may go out now.

    Attributes:
        text: May be empty.
        stop: The stop string that was found; nothing goes out after it.
    """

    text: str
    stop: str | None = None


class CallFilter:
    """Holds back a call from its first character on.

    Text that might be the beginning of one of ``call_starts`` waits until it is clear.
    """

    def __init__(self, *call_starts: str) -> None:
        self._call_starts = call_starts
        self._held = ""
        self._in_call = False

    @property
    def in_call(self) -> bool:
        """Whether a call has begun in this turn."""
        return self._in_call

    def feed(self, text: str) -> str:
        """Adds text of the model; returns what is certainly not part of a call."""
        self._held += text
        if self._in_call:
            return ""
        found = [self._held.find(call_start) for call_start in self._call_starts]
        start = min((place for place in found if place >= 0), default=-1)
        if start >= 0:
            self._in_call = True
        else:
            overlaps = [_overlap(self._held, call_start) for call_start in self._call_starts]
            start = len(self._held) - max(overlaps, default=0)
        visible, self._held = self._held[:start], self._held[start:]
        return visible

    def take(self) -> str:
        """Ends the turn: returns what was held back, and starts over."""
        held, self._held, self._in_call = self._held, "", False
        return held


class StopFilter:
    """Ends the text at the first of some stop strings, which may span several deltas.

    vLLM's streaming input refuses ``stop`` strings, so sessions look for them here, in
    visible text only.
    """

    def __init__(self, stop: list[str], include_in_output: bool) -> None:
        self._stop = stop
        self._include = include_in_output
        self._text = ""
        self._sent_chars = 0
        self._found: str | None = None
        self._hold_chars = max(map(len, stop)) - 1 if stop and not include_in_output else 0

    def feed(self, text: str, *, may_stop: bool = True, final: bool = False) -> Visible:
        """Adds visible text.

        Args:
            text: What the client may see next.
            may_stop: False while the request has not reached ``min_tokens``.
            final: Whether to release what was held back.
        """
        if not self._stop:
            return Visible(text)
        if self._found is not None:
            return Visible("", self._found)
        self._text += text
        if not may_stop:
            return Visible(self._send_until(len(self._text)))
        found = check_stop_strings(self._text, len(text), self._stop, self._include)
        if found is not None:
            self._found, end = found
            text = self._send_until(len(self._text) if end < 0 else end)
            return Visible(text, self._found)
        hold = 0 if final else self._hold_chars
        return Visible(self._send_until(len(self._text) - hold))

    def _send_until(self, end: int) -> str:
        end = max(end, self._sent_chars)
        text, self._sent_chars = self._text[self._sent_chars : end], end
        return text


def _overlap(text: str, marker: str) -> int:
    """Length of the longest end of ``text`` that begins ``marker``."""
    for length in range(min(len(text), len(marker) - 1), 0, -1):
        if marker.startswith(text[-length:]):
            return length
    return 0
