from typing import Any, cast

import pytest
from vllm import SamplingParams
from vllm.v1.request import Request

from intercept_core.scheduler.park_table import ParkTable
from intercept_core.scheduler.parked import Parked


def parked(name: str, *, arrival: float = 0.0, **fields: Any) -> Parked:
    request = Request(
        request_id=name,
        prompt_token_ids=[1, 2, 3],
        sampling_params=SamplingParams(max_tokens=1),
        pooling_params=None,
        arrival_time=arrival,
    )
    fields = {"blocks": 4, "device_blocks": 4} | fields
    return Parked(request=request, key=f"key-{name}", since_s=0.0, context_tokens=64, **fields)


def victim_of(*entries: Parked) -> str | None:
    table = ParkTable()
    for entry in entries:
        table.add(entry)
    victim = table.victim()
    return None if victim is None else victim.request.request_id


def test_the_one_of_least_worth_is_the_victim() -> None:
    assert victim_of(parked("a", worth=5.0), parked("b", worth=-5.0)) == "b"


def test_a_changed_worth_counts() -> None:
    table = ParkTable()
    first, second = parked("a", worth=1.0), parked("b", worth=2.0)
    table.add(first)
    table.add(second)
    first.worth = 3.0
    table.rank(first)
    assert table.victim() is second
    table.pop("b")
    assert table.victim() is first


def test_what_the_host_has_too_is_spare() -> None:
    table = ParkTable()
    mirrored = parked("a", worth=9.0)
    table.add(mirrored)
    table.add(parked("b", worth=1.0))
    assert table.spare_victim() is None
    mirrored.host_slots += [7, 8]
    table.rank(mirrored)
    assert table.spare_victim() is mirrored
    assert mirrored.spare_blocks == 2
    table.resize(mirrored, 2)
    assert table.spare_victim() is None


def test_thousands_are_shown_by_turns() -> None:
    table = ParkTable()
    for number in range(500):
        table.add(parked(str(number), arrival=float(-number)))
    seen: set[str] = set()
    most = 0
    for _ in range(32):
        shown = table.next_shown(20)
        arrivals = [entry.request.arrival_time for entry in shown]
        assert arrivals == sorted(arrivals)
        most = max(most, len(shown))
        seen |= {entry.request_id for entry in shown}
    assert len(seen) == 480  # the rest would be another iteration's
    assert most == 20


def seen_table(count: int) -> ParkTable:
    """One whose contexts have all been shown as new ones."""
    table = ParkTable()
    for number in range(count):
        table.add(parked(str(number)))
    table.next_shown(2 * count)
    return table


def shown_ids(table: ParkTable) -> set[str]:
    return {entry.request_id for entry in table.next_shown(4)}  # one of them by turns


def test_the_new_come_before_those_with_news_and_those_before_turns() -> None:
    table = seen_table(40)
    for number in range(30, 40):
        assert table.report(f"key-{number}", eta_s=1.0)
    table.add(parked("new"))
    assert {"new", "30", "31"} < shown_ids(table)
    assert {"32", "33", "34"} < shown_ids(table)


def test_an_expectation_that_hardly_moves_is_no_news() -> None:
    table = seen_table(40)
    for eta_s, is_news in ((10.0, True), (10.5, False), (12.0, True), (None, True)):
        table.report("key-30", eta_s=eta_s)
        assert ("30" in shown_ids(table)) is is_news
        entry = table.get("30")
        assert entry is not None
        assert entry.eta_s == eta_s


def test_an_expectation_that_moves_in_small_steps_is_news_in_the_end() -> None:
    table = seen_table(40)
    news = []
    for step in range(1, 10):
        table.report("key-30", eta_s=10.0 * 1.04**step)
        news.append("30" in shown_ids(table))
    assert news == [True, False, False, True, False, False, True, False, False]


def test_what_is_learned_of_a_call_is_news() -> None:
    table = seen_table(40)
    table.report("key-30", kind="chatbot")
    assert "30" in shown_ids(table)
    table.report("key-30", argument_chars=7)
    assert "30" in shown_ids(table)
    table.report("key-30", kind="chatbot", argument_chars=7)
    assert "30" not in shown_ids(table)


def test_ties_go_against_the_latest_arrival() -> None:
    assert victim_of(parked("a", arrival=2.0), parked("b", arrival=1.0)) == "a"


def test_who_holds_nothing_is_no_victim() -> None:
    assert victim_of(parked("a", device_blocks=0)) is None
    assert victim_of() is None


def test_reports_find_their_request_by_session_key() -> None:
    table = ParkTable()
    table.add(parked("a"))
    assert table.report("key-a", eta_s=7.0, kind="calculator")
    entry = table.get("a")
    assert entry is not None
    assert (entry.eta_s, entry.kind) == (7.0, "calculator")
    assert not table.report("key-b", eta_s=1.0)
    table.pop("a")
    assert not table.report("key-a", eta_s=1.0)


def test_parking_twice_is_a_bug() -> None:
    table = ParkTable()
    table.add(parked("a"))
    with pytest.raises(AssertionError, match="parked already"):
        table.add(cast(Parked, table.get("a")))
