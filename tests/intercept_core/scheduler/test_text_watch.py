import pytest
from hypothesis import given
from hypothesis import strategies as st

from intercept_core.scheduler.text_trigger import TextTrigger
from intercept_core.scheduler.text_watch import Found, TextWatch

TRIGGERS = (TextTrigger("S[", "]"), TextTrigger("<<", "=="), TextTrigger("ac", "\n"))
OTHER = "[["


def read(deltas: list[str], triggers: tuple[TextTrigger, ...] = TRIGGERS) -> Found | None:
    watch = TextWatch(triggers, OTHER)
    for delta in deltas:
        if (found := watch.feed(delta)) is not None:
            return found
    return None


@given(st.lists(st.text(alphabet="S[]<=ac\n", max_size=6)))
def test_pieces_do_not_matter(deltas: list[str]) -> None:
    text = "".join(deltas)
    assert read(deltas) == read([text]) == read(list(text))


@given(st.lists(st.text(alphabet="S[]<=ac\n", max_size=6)))
def test_a_call_is_what_stands_between_its_texts(deltas: list[str]) -> None:
    found = read(deltas)
    if found is not None:
        trigger = TRIGGERS[found.trigger]
        text = "".join(deltas)[: found.end]
        assert text.endswith(trigger.start + found.argument + trigger.end)
        assert trigger.end not in found.argument


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x S[a] b]", Found(0, "a", 6)),
        ("S[]", Found(0, "", 3)),
        ("<<1=2==", Found(1, "1=2", 7)),
        ("] == \n", None),
        ("<<S[a]", None),
        ("<<S[a]==", Found(1, "S[a]", 8)),
        ("[[ S[a]", None),
        ("<S[<<]", Found(0, "<<", 6)),
    ],
)
def test_the_first_start_opens_and_its_own_end_closes(text: str, found: Found | None) -> None:
    assert read([text]) == found
