"""Reads what the household games show to the model."""

import re

_LISTED = re.compile(r"\nYou can: (.*?)(?: and \d+ more)?\.$", re.DOTALL)


def listed_commands(observation: str) -> list[str]:
    """The commands that an observation lists, in its order; none when the game is over."""
    found = _LISTED.search(observation)
    return found[1].split(", ") if found else []
