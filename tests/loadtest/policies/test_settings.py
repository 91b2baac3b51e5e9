"""Both sides of the comparison get the same work."""

from loadtest.policies.__main__ import _order
from loadtest.policies.engine import STOCK
from loadtest.policies.settings import STOCK_PLAIN, Load, engine_settings


def test_without_interceptions_the_same_tokens_are_said_at_once() -> None:
    intercepted, plain = Load().conversations(), Load(plain=True).conversations()
    assert [c.output_tokens for c in plain] == [c.output_tokens for c in intercepted]
    assert {len(c.segments) for c in plain} == {1}


def test_sides_differ_in_the_scheduler_alone() -> None:
    ours, stock, plain = (
        engine_settings(side, 64, 0.5, None) for side in ("adaptive", STOCK, STOCK_PLAIN)
    )
    assert (ours.policy, stock.policy, plain.policy) == ("adaptive", STOCK, STOCK)
    assert [side.prefix_caching for side in (ours, stock, plain)] == [True, True, False]
    assert ours.device_blocks == stock.device_blocks == plain.device_blocks == 64


def test_the_order_changes_with_every_round() -> None:
    assert _order(["a", "b", "c"], ["once"], 3) == [
        *("a", "b", "c"),
        "once",
        *("b", "c", "a"),
        *("c", "a", "b"),
    ]
