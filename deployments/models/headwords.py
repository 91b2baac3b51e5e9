"""Words of the encyclopedia, for texts that a model should be able to copy."""

import re
from collections.abc import Mapping
from functools import cache
from random import Random

from deployments.models.dialogue import Split, split_of
from deployments.models.library import wordnet_library


def headword(rng: Random, split: Split) -> str:
    """A plain word, or two, of ``split``."""
    return rng.choice(_headwords()[split])


def with_article(noun: str) -> str:
    """``noun`` behind its indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


@cache
def _headwords() -> Mapping[Split, list[str]]:
    found: dict[Split, list[str]] = {"train": [], "test": []}
    for title in wordnet_library().headwords():
        if re.fullmatch(r"[a-z]{3,10}( [a-z]{3,10})?", title):
            found[split_of(title)].append(title)
    return found
