"""Text that goes on where other text ended, as tokens."""

from vllm.tokenizers import TokenizerLike

ANCHORS = ("\n", "x")
"""Two, since one of them may share a token with the beginning of a text."""


class ContinuedText:
    """Encodes a text as the rest of one.

    Tokenizers like Llama 2's put a space before whatever is encoded alone. Inside a context
    that would be a space which nobody wrote, so there the text is encoded behind another,
    whose tokens are then taken off.

    Args:
        tokenizer: The model's.
    """

    def __init__(self, tokenizer: TokenizerLike) -> None:
        self._tokenizer = tokenizer
        self._anchors: list[tuple[str, list[int]]] = []
        if tokenizer.decode([*self._alone("x"), *self._alone("]")]) == "x]":
            return  # nothing is put before a text
        for anchor in ANCHORS:
            token_ids = self._alone(anchor)
            # An anchor that the vocabulary lacks could be one unknown token with the text.
            if tokenizer.decode(token_ids).endswith(anchor):
                self._anchors.append((anchor, token_ids))

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text`` and of nothing before it."""
        for anchor, anchor_ids in self._anchors:
            token_ids = self._alone(anchor + text)
            # Not so where the two share a token.
            if token_ids[: len(anchor_ids)] == anchor_ids:
                return token_ids[len(anchor_ids) :]
        return self._alone(text)

    def _alone(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))
