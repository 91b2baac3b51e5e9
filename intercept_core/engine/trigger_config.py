"""Settings of a text trigger, apart from it: reading them does not take importing vLLM."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class TriggerConfig(BaseModel):
    r"""A way to call one augmentation by plain text, such as ``Search[...]``.

    The generation is cut right behind ``end``, wherever the tokens begin and end. The first
    ``start`` in a turn opens a call, and only its own ``end`` closes it.

    Attributes:
        start: Text that opens a call. Everything from there on is kept from chat clients.
        end: Text that closes it; ``"\n"`` for calls that are lines.
        argument: Name of the argument that gets the text between the two, as it is.
        arguments: The other arguments, the same in every call.
        result_prefix: Text between the call and its result.
        result_suffix: Text between the result and what the model writes next.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: str = Field(min_length=1)
    end: str = Field(min_length=1)
    argument: str = Field(min_length=1)
    arguments: dict[str, Any] = Field(default_factory=dict)
    result_prefix: str = ""
    result_suffix: str = ""


def overlapping(starts: Sequence[str]) -> tuple[str, str] | None:
    """Two of ``starts`` of which the first is inside the second: which of the two calls
    has begun could not be told. None if there are no such two."""
    for index, start in enumerate(starts):
        for other in (*starts[:index], *starts[index + 1 :]):
            if start in other:
                return start, other
    return None
