import pytest

from intercept_core.engine.engine_load import EngineLoad

LEVELS = {
    "parked_requests": {"": 3},
    "device_blocks": {"running": 10, "preserved": 20, "swapping": 5, "cached": 25, "free": 40},
}


def test_parked_requests_hold_memory_and_are_not_active():
    load = EngineLoad.of(5, 16, LEVELS)
    assert (load.active, load.parked, load.slots) == (2, 3, 16)
    assert load.held_share == pytest.approx(0.35)


def test_nothing_is_held_before_the_first_report():
    assert EngineLoad.of(1, 16, {}) == EngineLoad(active=1, parked=0, slots=16, held_share=0.0)


def test_an_old_report_makes_no_negative_counts():
    assert EngineLoad.of(1, 16, LEVELS).active == 0
