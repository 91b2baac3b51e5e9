import gzip
from pathlib import Path

import pytest

from augment_workers.corpus import Page
from augment_workers.dictd import Dictd

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
ENTRIES = {
    "00-database-info": "A test.\n",
    "Unix": "Unix\n\n   <operating system> An interactive {time-sharing} system.  It was\n"
    "   invented by K. Thompson. See e.g. {Linux}.\n",
    "naïve": "naïve: simple.\n",
}


def encode(number: int) -> str:
    digits = DIGITS[number % 64]
    while number := number // 64:
        digits = DIGITS[number % 64] + digits
    return digits


def write(folder: Path, name: str, compressed: bool) -> None:
    data, index = b"", ""
    for headword, text in ENTRIES.items():
        entry = text.encode()
        index += f"{headword}\t{encode(len(data))}\t{encode(len(entry))}\n"
        data += entry
    (folder / f"{name}.index").write_text(index, encoding="utf-8")
    if compressed:
        (folder / f"{name}.dict.dz").write_bytes(gzip.compress(data))
    else:
        (folder / f"{name}.dict").write_bytes(data)


@pytest.mark.parametrize("compressed", [True, False])
def test_entries_become_pages(tmp_path: Path, compressed: bool) -> None:
    write(tmp_path, "foldoc", compressed)
    assert list(Dictd(tmp_path).iter_articles()) == [
        Page(
            "Unix",
            (
                "<operating system> An interactive time-sharing system.",
                "It was invented by K. Thompson.",
                "See e.g. Linux.",
            ),
        ),
        Page("naïve", ("simple.",)),
    ]


def test_all_dictionaries_of_a_folder_serve(tmp_path: Path) -> None:
    write(tmp_path, "foldoc", True)
    before = Dictd(tmp_path).fingerprint()
    write(tmp_path, "jargon", False)
    corpus = Dictd(tmp_path)
    assert len(list(corpus.iter_articles())) == 4
    assert "foldoc, jargon" in corpus.source
    assert corpus.fingerprint() != before


def test_an_empty_folder_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="dict-wn"):
        Dictd(tmp_path)
