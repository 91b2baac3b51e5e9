"""A heap whose outdated entries must never come out, however often worths change."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vllm import SamplingParams
from vllm.v1.request import Request

from intercept_core.scheduler.parked import Parked
from intercept_core.scheduler.worth_order import WorthOrder


def parked(name: str, worth: float = 0.0, arrival: float = 0.0) -> Parked:
    request = Request(name, [1], SamplingParams(max_tokens=1), None, arrival_time=arrival)
    return Parked(
        request=request,
        key=name,
        since_s=0.0,
        context_tokens=16,
        blocks=1,
        device_blocks=1,
        worth=worth,
    )


def always(_: Any) -> bool:
    return True


def test_the_lowest_comes_first_and_stays() -> None:
    order = WorthOrder()
    low, high = parked("low", 1.0), parked("high", 2.0)
    order.push(high)
    order.push(low)
    assert order.lowest(always) is low
    assert order.lowest(always) is low


def test_among_equals_the_latest_arrival() -> None:
    order = WorthOrder()
    for arrival in (2.0, 3.0, 1.0):
        order.push(parked(str(arrival), arrival=arrival))
    found = order.lowest(always)
    assert found is not None
    assert found.request_id == "3.0"


def test_an_earlier_entry_is_replaced() -> None:
    order = WorthOrder()
    changing, other = parked("changing", 1.0), parked("other", 2.0)
    order.push(changing)
    order.push(other)
    changing.worth = 3.0
    order.push(changing)
    assert order.lowest(always) is other
    order.discard(other)
    assert order.lowest(always) is changing


def test_who_was_discarded_does_not_come() -> None:
    order = WorthOrder()
    entry = parked("a")
    order.discard(entry)
    order.push(entry)
    order.discard(entry)
    assert order.lowest(always) is None


def test_who_no_longer_counts_is_forgotten_until_pushed_again() -> None:
    order = WorthOrder()
    entry = parked("a")
    order.push(entry)
    assert order.lowest(lambda _: False) is None
    assert order.lowest(always) is None
    order.push(entry)
    assert order.lowest(always) is entry


@pytest.mark.parametrize("pushes", [10, 1000])
def test_outdated_entries_do_not_pile_up(pushes: int) -> None:
    order = WorthOrder()
    entries = [parked(str(i)) for i in range(5)]
    for worth in range(pushes):
        for entry in entries:
            entry.worth = float(worth)
            order.push(entry)
    assert len(order._heap) <= 64 + 4 * len(entries) + 1


steps = st.lists(st.tuples(st.integers(0, 5), st.none() | st.floats(-9, 9)), max_size=300)


@given(steps)
def test_it_agrees_with_looking_at_all(changes: list[tuple[int, float | None]]) -> None:
    order = WorthOrder()
    entries = [parked(str(i), arrival=float(i)) for i in range(6)]
    present: set[Parked] = set()
    for index, worth in changes:
        entry = entries[index]
        if worth is None:
            order.discard(entry)
            present.discard(entry)
        else:
            entry.worth = worth
            order.push(entry)
            present.add(entry)
        expected = min(present, key=lambda p: (p.worth, -p.request.arrival_time), default=None)
        assert order.lowest(always) is expected
