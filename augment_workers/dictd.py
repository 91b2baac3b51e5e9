"""The dictionaries of Debian's ``dict-*`` packages (FOLDOC, the Jargon File, WordNet)."""

import gzip
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from augment_workers.corpus import Corpus, Page, split_sentences

DICTD_FOLDER = Path("/usr/share/dictd")
_FORMAT = 1
"""Raised when pages are composed differently, so that stored indexes are rebuilt."""

_DIGITS = {
    digit: value
    for value, digit in enumerate(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    )
}


class Dictd(Corpus):
    """All dictionaries in one folder, each a ``.index`` beside a ``.dict.dz`` or ``.dict``.

    Raises:
        FileNotFoundError: when the folder holds none.
    """

    name = "dictd"

    def __init__(self, folder: Path = DICTD_FOLDER) -> None:
        self._indexes = sorted(folder.glob("*.index"))
        if not self._indexes:
            raise FileNotFoundError(
                f"there is no dictionary (*.index) in {folder}; install packages such as"
                " dict-wn and dict-foldoc, or configure the corpus wordnet"
            )
        self.source = f"{folder}: {', '.join(path.stem for path in self._indexes)}"

    def fingerprint(self) -> str:
        """A digest of the indexes, which hold every entry's offset and length."""
        digest = hashlib.blake2b(str(_FORMAT).encode(), digest_size=8)
        for path in self._indexes:
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()

    def iter_articles(self) -> Iterator[Page]:
        """One page an entry, dictionary after dictionary."""
        for path in self._indexes:
            text = _read_text(path)
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                headword, offset, length = line.split("\t")[:3]
                start = _decode(offset)
                entry = text[start : start + _decode(length)].decode(errors="replace")
                sentences = _sentences(headword, entry)
                # Entries such as "00-database-info" are about the dictionary.
                if sentences and not re.match(r"00-?database", headword):
                    yield Page(headword, sentences)


def _read_text(index: Path) -> bytes:
    # A .dict.dz file is a gzip file whose extra field allows random access.
    compressed = index.with_suffix(".dict.dz")
    if compressed.exists():
        return gzip.decompress(compressed.read_bytes())
    return index.with_suffix(".dict").read_bytes()


def _decode(number: str) -> int:
    value = 0
    for digit in number:
        value = value * 64 + _DIGITS[digit]
    return value


def _sentences(headword: str, entry: str) -> tuple[str, ...]:
    text = entry.replace("{", "").replace("}", "").strip()
    if text[: len(headword)].casefold() == headword.casefold():
        text = text[len(headword) :].lstrip(" :,.")
    return split_sentences(text)
