from typing import Any, cast

import pytest
from vllm import SamplingParams
from vllm.v1.request import Request

from intercept_core.policy.types import Disposition
from intercept_core.scheduler.park_table import Parked, ParkTable


def parked(name: str, *, arrival: float = 0.0, **fields: Any) -> Parked:
    request = Request(
        request_id=name,
        prompt_token_ids=[1, 2, 3],
        sampling_params=SamplingParams(max_tokens=1),
        pooling_params=None,
        arrival_time=arrival,
    )
    return Parked(request=request, key=f"key-{name}", since_s=0.0, context_tokens=3, **fields)


def victim_of(*entries: Parked) -> str | None:
    table = ParkTable()
    for entry in entries:
        table.add(entry)
    victim = table.victim()
    return None if victim is None else victim.request.request_id


def test_the_one_expected_last_is_the_victim() -> None:
    assert victim_of(parked("a", eta_s=5.0), parked("b", eta_s=50.0)) == "b"


def test_an_unknown_return_counts_as_the_latest() -> None:
    assert victim_of(parked("a", eta_s=1e9), parked("b")) == "b"


def test_ties_go_against_the_latest_arrival() -> None:
    assert victim_of(parked("a", arrival=2.0), parked("b", arrival=1.0)) == "a"


def test_who_holds_nothing_is_no_victim() -> None:
    assert victim_of(parked("a", disposition=Disposition.DISCARD)) is None
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
