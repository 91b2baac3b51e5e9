from hypothesis import given
from hypothesis import strategies as st

from intercept_core.engine.visible_text import CallFilter, StopFilter

START = "<call>"
pieces = st.lists(st.text(alphabet="<cal>x ", max_size=8))


@given(pieces)
def test_nothing_of_a_call_goes_out_and_all_before_it_does(deltas: list[str]) -> None:
    text = "".join(deltas)
    filter_ = CallFilter(START)
    visible = "".join(filter_.feed(delta) for delta in deltas)
    start = text.find(START)
    if start >= 0:
        assert visible == text[:start]
        assert filter_.in_call
        assert filter_.take() == text[start:]
    else:
        assert text.startswith(visible)
        assert visible + filter_.take() == text
    assert not filter_.in_call


def test_text_that_cannot_be_a_call_goes_out_at_once() -> None:
    filter_ = CallFilter(START)
    assert filter_.feed("a <b") == "a <b"
    assert filter_.feed("a <ca") == "a "
    assert filter_.feed("t") == "<cat"


@given(
    st.lists(st.text(alphabet="abS", max_size=4)),
    st.lists(st.text(alphabet="abS", min_size=1, max_size=3), min_size=1, max_size=3),
    st.booleans(),
)
def test_stop_strings_cut_wherever_the_deltas_end(
    deltas: list[str], stop: list[str], include: bool
) -> None:
    whole = "".join(deltas)
    ends = [(whole.find(s) + len(s), index, s) for index, s in enumerate(stop) if s in whole]
    filter_ = StopFilter(stop, include)
    sent, found = "", None
    for delta in [*deltas, None]:
        piece = filter_.feed(delta or "", final=delta is None)
        sent += piece.text
        if piece.stop is not None:
            found = piece.stop
            break
    if not ends:
        assert (sent, found) == (whole, None)
        return
    end, _, first = min(ends)
    assert found is not None
    assert sent == (whole[:end] if include else whole[: end - len(found)])
    assert end == whole.find(found) + len(found)
    assert include or first not in sent


def test_without_stop_strings_nothing_is_held() -> None:
    filter_ = StopFilter([], include_in_output=False)
    assert filter_.feed("abc").text == "abc"


@given(st.lists(st.text(alphabet="<cal>S[ ", max_size=6)))
def test_the_first_of_several_starts_hides_the_rest(deltas: list[str]) -> None:
    text = "".join(deltas)
    filter_ = CallFilter("S[", "<<", START)
    visible = "".join(filter_.feed(delta) for delta in deltas)
    places = [place for start in ("S[", "<<", START) if (place := text.find(start)) >= 0]
    assert filter_.in_call == bool(places)
    if places:
        assert visible == text[: min(places)]
    assert visible + filter_.take() == text
