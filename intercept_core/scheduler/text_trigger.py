"""A text that ends a call, wherever its tokens begin and end."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextTrigger:
    """A call is what stands between two texts.

    Attributes:
        start: Opens a call.
        end: Closes it; the generation is cut right behind.
    """

    start: str
    end: str
