"""What iterations cost, measured on a clock that the test moves."""

from types import SimpleNamespace
from typing import Any

import pytest

from intercept_core.scheduler.iterations import Iterations


class Bench:
    """Iterations on a clock, and what an observer hears of them."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.iterations = Iterations(lambda: self.now_s)
        self.observed: list[tuple[int, int, float]] = []
        self.requests: dict[str, Any] = {}

    def observe_iteration(self, query_tokens: int, context_tokens: int, seconds: float) -> None:
        self.observed.append((query_tokens, context_tokens, seconds))

    def schedule(self, **counts: int) -> Any:
        for request_id, count in counts.items():
            known = self.requests.setdefault(request_id, SimpleNamespace(num_computed_tokens=0))
            known.num_computed_tokens += count
        output: Any = SimpleNamespace(
            num_scheduled_tokens=counts, total_num_scheduled_tokens=sum(counts.values())
        )
        self.iterations.scheduled(output, self.requests)
        return output

    def end(self, output: Any, after_s: float) -> None:
        self.now_s += after_s
        self.iterations.ended(output, self)  # type: ignore[arg-type]


def test_an_iteration_lasts_from_its_schedule_to_its_result() -> None:
    bench = Bench()
    bench.end(bench.schedule(a=10, b=5), 0.25)
    bench.now_s = 7.0  # a pause belongs to none
    bench.end(bench.schedule(a=1), 0.5)
    assert bench.observed == [(15, 15, 0.25), (1, 11, 0.5)]
    assert bench.iterations.total_s == 0.75


def test_one_on_its_way_begins_when_the_one_before_ends() -> None:
    bench = Bench()
    first, second = bench.schedule(a=10), bench.schedule(a=1)
    bench.end(first, 0.25)
    bench.end(second, 0.125)
    assert [seconds for _, _, seconds in bench.observed] == [0.25, 0.125]


def test_an_iteration_without_tokens_is_none() -> None:
    bench = Bench()
    bench.end(bench.schedule(), 1.0)
    assert bench.observed == []
    assert bench.iterations.total_s == 0.0
    # It took its time all the same: the next has not begun before.
    bench.end(bench.schedule(a=2), 0.5)
    assert bench.observed == [(2, 2, 0.5)]


def test_a_clock_that_stands_still_teaches_nothing() -> None:
    bench = Bench()
    bench.end(bench.schedule(a=2), 0.0)
    assert bench.observed == []
    assert bench.iterations.total_s == 0.0


def test_tokens_computed_again_take_their_share_of_the_time() -> None:
    bench = Bench()
    bench.iterations.recompute("a", 30)
    assert bench.iterations.recomputing
    bench.end(bench.schedule(a=20, b=20), 1.0)
    assert bench.iterations.recompute_s == pytest.approx(0.5)
    # Ten more are known, and ten new; then it is done.
    bench.end(bench.schedule(a=20), 1.0)
    assert bench.iterations.recompute_s == pytest.approx(1.0)
    assert not bench.iterations.recomputing


def test_who_is_not_in_the_batch_goes_on_recomputing() -> None:
    bench = Bench()
    bench.requests["a"] = SimpleNamespace(num_computed_tokens=0)
    bench.iterations.recompute("a", 30)
    bench.end(bench.schedule(b=4), 1.0)
    assert bench.iterations.recomputing
    bench.iterations.forget("a")
    assert not bench.iterations.recomputing


def test_it_works_without_an_observer() -> None:
    bench = Bench()
    output = bench.schedule(a=3)
    bench.now_s = 2.0
    bench.iterations.ended(output, None)
    assert bench.iterations.total_s == 2.0


def test_what_a_request_had_before_is_known_until_it_has_it_again() -> None:
    bench = Bench()
    request: Any = SimpleNamespace(request_id="a")
    assert bench.iterations.tokens_before(request) == 0
    bench.iterations.recompute("a", 30)
    bench.end(bench.schedule(a=20), 1.0)
    assert bench.iterations.tokens_before(request) == 30
    bench.end(bench.schedule(a=10), 1.0)
    assert bench.iterations.tokens_before(request) == 0
