"""What a human says, line by line."""

import sys
from collections.abc import Callable
from typing import Protocol, TextIO


class Lines(Protocol):
    """Gives one line after the other."""

    def next(self, prompt: str) -> str | None:
        """The next line that is not empty; None when there are no more."""
        ...


class Typed:
    """Lines typed at a terminal, with its editing keys and a history.

    Args:
        read: Shows a prompt and reads a line; ``input`` for the real one.
        color: Whether prompts are coloured.
    """

    def __init__(self, read: Callable[[str], str] = input, *, color: bool = True) -> None:
        try:
            import readline  # noqa: F401  # from here on, `input` edits and remembers
        except ImportError:  # not on every system
            color = False
        self._read = read
        self._color = color

    def next(self, prompt: str) -> str | None:
        # The marks tell readline that these characters take no room.
        shown = f"\001\033[1;36m\002{prompt}\001\033[0m\002" if self._color else prompt
        while True:
            try:
                text = self._read(shown).strip()
            except EOFError:
                print(flush=True)
                return None
            if text:
                return text


class Piped:
    """Lines of a file or of another program."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def next(self, prompt: str) -> str | None:
        for line in self._file:
            if text := line.strip():
                return text
        return None


def standard_input() -> Lines:
    """Whichever standard input is."""
    return Typed(color=sys.stdout.isatty()) if sys.stdin.isatty() else Piped(sys.stdin)
