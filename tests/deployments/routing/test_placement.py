"""Where requests go, with replicas that only report."""

import random
from collections import Counter

import pytest

from deployments.routing.hint import RouteHint
from deployments.routing.load import ReplicaLoad
from deployments.routing.placement import STALE_PERIODS, Placement

ANY = RouteHint()
PERIOD_S = 1.0


class Replicas:
    """A placement, and the replicas that report to it.

    Attributes:
        now_s: The time.
    """

    def __init__(self, *names, pass_over=1.0):
        self.now_s = 0.0
        self._loads = dict.fromkeys(names)
        self._number = 0
        self.placement = Placement(
            pass_over, PERIOD_S, clock=lambda: self.now_s, rng=random.Random(0)
        )
        self.placement.update(self._loads)

    def report(self, **held_shares):
        """Each named replica reports that it is idle but for contexts that it holds."""
        for name, held in held_shares.items():
            self.report_load(name, held_share=held)

    def report_load(self, name, **fields):
        self._number += 1
        idle = {"active": 0, "slots": 10, "held_share": 0.0, "room": 100}
        self._loads[name] = ReplicaLoad(self._number, **idle | fields)
        self.placement.update(self._loads)

    def leave(self, name):
        del self._loads[name]
        self.placement.update(self._loads)

    def send(self, hint=ANY):
        """Where the next request goes."""
        first = self.placement.rank(list(self._loads), hint)[0]
        self.placement.sent(first, hint)
        return first


def test_requests_go_where_pressure_is_least():
    replicas = Replicas("a", "b", "c")
    replicas.report(a=0.5, b=0.2, c=0.9)
    assert replicas.placement.rank(["a", "b", "c"], ANY) == ["b", "a", "c"]


def test_contexts_that_wait_press_as_much_as_those_that_run():
    replicas = Replicas("parked", "running")
    replicas.report_load("parked", active=0, held_share=0.8)
    replicas.report_load("running", active=5, held_share=0.1)
    assert replicas.send() == "running"


def test_a_full_replica_comes_after_all_others():
    replicas = Replicas("full", "busy", "idle")
    replicas.report_load("full", room=0)
    replicas.report(busy=0.9, idle=0.1)
    assert replicas.placement.rank(["full", "busy", "idle"], ANY) == ["idle", "busy", "full"]


def test_a_full_replica_does_not_get_what_it_holds():
    replicas = Replicas("holder", "other")
    replicas.report(holder=0.0, other=0.5)
    assert replicas.send(RouteHint("session")) == "holder"
    replicas.report_load("holder", room=0)
    assert replicas.send(RouteHint("session")) == "other"


def test_what_was_sent_fills_a_replica():
    replicas = Replicas("small", "large")
    replicas.report_load("small", room=2)
    replicas.report_load("large", held_share=0.9)
    assert [replicas.send() for _ in range(3)] == ["small", "small", "large"]


def test_full_ones_alone_get_requests_all_the_same():
    replicas = Replicas("a", "b")
    replicas.report_load("a", room=0, held_share=0.5)
    replicas.report_load("b", room=-3)
    assert replicas.send() == "b"


def test_requests_count_before_the_next_report_tells_of_them():
    replicas = Replicas("a", "b")
    replicas.report(a=0.0, b=0.35)
    assert [replicas.send() for _ in range(4)] == ["a"] * 4
    assert replicas.send() == "b"
    replicas.report_load("a", active=1)
    assert replicas.send() == "a", "they are in the report now"


def test_the_same_report_again_is_no_news():
    replicas = Replicas("a", "b")
    replicas.report(a=0.0, b=0.05)
    assert replicas.send() == "a"
    replicas.placement.update(dict(replicas._loads))
    assert replicas.send() == "b"


def test_equals_take_turns():
    replicas = Replicas("a", "b", "c")
    replicas.report(a=0.1, b=0.1, c=0.1)
    assert Counter(replicas.send() for _ in range(30)) == {"a": 10, "b": 10, "c": 10}


def test_a_session_stays_where_it_is():
    replicas = Replicas("a", "b")
    replicas.report(a=0.0, b=0.9)
    session = RouteHint("s")
    assert replicas.send(session) == "a"
    replicas.report(a=0.9, b=0.0)
    assert replicas.send(session) == "a"
    assert replicas.send() == "b"


def test_a_conversation_stays_where_it_is():
    replicas = Replicas("a", "b")
    replicas.report(a=0.0, b=0.9)
    assert replicas.send(RouteHint(keys=(b"two", b"one"))) == "a"
    replicas.report(a=0.9, b=0.0)
    assert replicas.send(RouteHint(keys=(b"four", b"three", b"two", b"one"))) == "a"
    assert replicas.send(RouteHint(keys=(b"other", b"one"))) == "b", "shares its beginning"


def test_a_session_that_goes_elsewhere_stays_there():
    replicas = Replicas("a", "b", pass_over=0.5)
    replicas.report(a=0.0, b=0.9)
    session = RouteHint("s")
    assert replicas.send(session) == "a"
    replicas.report(a=0.9, b=0.1)
    assert replicas.send(session) == "b"
    replicas.report(a=0.1, b=0.5)
    assert replicas.send(session) == "b"


@pytest.mark.parametrize(("held", "goes_to"), [(0.69, "a"), (0.71, "b")])
def test_a_holder_is_passed_over_beyond_the_margin(held, goes_to):
    replicas = Replicas("a", "b", pass_over=0.5)
    replicas.report(a=0.0, b=0.9)
    conversation = RouteHint(keys=(b"key",))
    assert replicas.send(conversation) == "a"
    replicas.report(a=held, b=0.2)
    assert replicas.send(conversation) == goes_to


def test_the_next_request_of_a_holder_that_left_goes_elsewhere():
    replicas = Replicas("a", "b")
    replicas.report(a=0.0, b=0.9)
    hint = RouteHint("s", (b"key",))
    assert replicas.send(hint) == "a"
    replicas.leave("a")
    assert replicas.send(hint) == "b"


def test_a_replica_whose_engine_died_gets_nothing_though_it_looks_idle():
    replicas = Replicas("a", "b")
    replicas.report(a=0.0, b=0.9)
    session = RouteHint("s")
    assert replicas.send(session) == "a"
    replicas.report_load("a", failed=True)
    assert [replicas.send() for _ in range(20)] == ["b"] * 20
    assert replicas.send(session) == "b"


def test_a_replica_that_falls_silent_gets_nothing():
    replicas = Replicas("a", "b")
    replicas.report(a=0.0, b=0.9)
    replicas.now_s += PERIOD_S * STALE_PERIODS + 0.1
    replicas.report(b=0.9)
    assert replicas.placement.rank(["a", "b"], ANY) == ["b"]


def test_a_replica_that_has_not_reported_yet_waits_for_its_turn():
    replicas = Replicas("a", "new")
    replicas.report(a=0.9)
    assert replicas.send() == "a"
    replicas.report(new=0.0)
    assert replicas.send() == "new"


@pytest.mark.parametrize(
    ("later_s", "stays"), [(0.0, True), (PERIOD_S * 4, True), (9.0, False)]
)
def test_a_session_stays_with_one_that_has_yet_to_report(later_s, stays):
    replicas = Replicas("a", "b")
    session = RouteHint("s")
    holder = replicas.send(session)
    (other,) = {"a", "b"} - {holder}
    replicas.now_s += later_s
    replicas.report(**{other: 0.0})
    assert (replicas.send(session) == holder) is stays
    assert replicas.send() == other


def test_without_any_report_requests_are_spread_and_sessions_stick():
    replicas = Replicas("a", "b")
    spread = Counter(replicas.send() for _ in range(20))
    assert spread == {"a": 10, "b": 10}, "the better of two"
    session = RouteHint("s")
    first = replicas.send(session)
    assert {replicas.send(session) for _ in range(10)} == {first}


def test_without_a_living_replica_somebody_is_asked_all_the_same():
    replicas = Replicas("a", "b")
    replicas.report_load("a", failed=True)
    assert replicas.send() == "b", "of whom nothing is known"
    replicas.report_load("b", failed=True)
    assert set(replicas.placement.rank(["a", "b"], ANY)) == {"a", "b"}


def test_routers_that_have_not_met_send_a_session_alike():
    names = ["a", "b", "c", "d"]
    for session_id in map(str, range(50)):
        ends = set()
        for held in (0.0, 0.2):
            replicas = Replicas(*names)
            replicas.report(a=held, b=0.1, c=0.0, d=0.2)
            ends.add(replicas.send(RouteHint(session_id)))
        assert len(ends) == 1


def test_new_sessions_spread():
    replicas = Replicas("a", "b")
    replicas.report_load("a", slots=1000)
    replicas.report_load("b", slots=1000)
    counts = Counter(replicas.send(RouteHint(str(nth))) for nth in range(200))
    assert min(counts.values()) > 60


def test_a_new_session_avoids_pressure():
    replicas = Replicas("a", "b")
    replicas.report(a=0.9, b=0.0)
    assert {replicas.send(RouteHint(str(nth))) for nth in range(5)} == {"b"}
