"""Text of others, which must not steer the model or the engine."""

import re
from itertools import pairwise
from typing import Any

from vllm.tokenizers import TokenizerLike

from intercept_core.scheduler.continued_text import ContinuedText

UNREADABLE = "\N{REPLACEMENT CHARACTER}"


class PlainText:
    """Keeps the model's own tags, such as the end of a turn, out of what tools return.

    Args:
        tokenizer: The model's.
    """

    def __init__(self, tokenizer: TokenizerLike) -> None:
        self._tokenizer = tokenizer
        self._continued = ContinuedText(tokenizer)
        added = tokenizer.get_added_vocab()
        # Some models have added tokens for runs of spaces, which steer nothing.
        names = {name for name in (*added, *tokenizer.all_special_tokens) if name.strip()}
        longest_first = sorted(names, key=len, reverse=True)
        self._tags = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        # Any character that a vocabulary lacks is the unknown token, which steers nothing.
        unknown = getattr(tokenizer, "unk_token_id", None)
        ids = {token_id for name, token_id in added.items() if name.strip()}
        self._tag_ids = frozenset(ids.union(tokenizer.all_special_ids)) - {unknown}

    def encode(self, text: str) -> list[int]:
        """Token ids that decode to ``text`` inside a context, none of them a tag's."""
        cuts = [match.start() + 1 for match in self._tags.finditer(text)]
        pieces = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
        return [token_id for piece in pieces for token_id in self._encode(piece)]

    def defuse(self, text: str) -> str:
        """``text`` that stays text when it is encoded together with a whole prompt.

        A space parts the first character of each tag from the rest: there is no other way to
        say a tag's name to a tokenizer that looks for it.
        """
        defused = self._tags.sub(lambda tag: f"{tag[0][0]} {tag[0][1:]}", text)
        token_ids = self._tokenizer.encode(defused, add_special_tokens=False)
        if self._tag_ids.isdisjoint(token_ids):
            return defused
        if len(text) < 2:
            return UNREADABLE
        middle = len(text) // 2
        return f"{self.defuse(text[:middle])} {self.defuse(text[middle:])}"

    def defuse_all(self, value: Any) -> Any:
        """Defuses every text in a JSON value."""
        if isinstance(value, str):
            return self.defuse(value)
        if isinstance(value, list | tuple):
            return [self.defuse_all(one) for one in value]
        if isinstance(value, dict):
            return {self.defuse(key): self.defuse_all(one) for key, one in value.items()}
        return value

    def _encode(self, piece: str) -> list[int]:
        """A tokenizer may read more than its name as a tag: other case, width or accents."""
        token_ids = self._continued.encode(piece)
        if self._tag_ids.isdisjoint(token_ids):
            return token_ids
        if len(piece) < 2:
            return self._continued.encode(UNREADABLE)
        middle = len(piece) // 2
        return [*self._encode(piece[:middle]), *self._encode(piece[middle:])]
