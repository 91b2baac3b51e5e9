"""What a person at a terminal sees while a command imports what it needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def loading(console: Console | None = None) -> Iterator[None]:
    """Shows that something is under way; files get nothing of it.

    Args:
        console: Standard error if not given.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status("[bright_black]loading"):
        yield
