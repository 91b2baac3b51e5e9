"""A call that ended with a text, as the scheduler tells it to the session."""

from dataclasses import asdict, dataclass
from typing import Any

KEY = "intercept_call"
"""Field of ``kv_transfer_params`` of the output that ends the turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCall:
    """Which call it was, and where the context was cut.

    Attributes:
        trigger: Index of the trigger in the session's mark.
        argument: What stands between the trigger's two texts.
        tail: Text of the turn's last token, up to the cut; vLLM leaves it out.
        taken_back: Tokens at the end of the turn that are no longer in the context, because
            their text went on behind the cut.
        put_back: Tokens of that text up to the cut, which are there instead.
    """

    trigger: int
    argument: str
    tail: str
    taken_back: int
    put_back: list[int]

    def as_dict(self) -> dict[str, Any]:
        """The plain form that vLLM serializes."""
        return asdict(self)

    @classmethod
    def of(cls, kv_transfer_params: dict[str, Any] | None) -> "TextCall | None":
        """The call that an output reports, or None."""
        found = (kv_transfer_params or {}).get(KEY)
        return None if found is None else cls(**found)
