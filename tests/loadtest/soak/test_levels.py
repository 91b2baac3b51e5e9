import pytest

from deployments.status.report import EngineStatus, ParkedKind, ServerStatus
from loadtest.soak.levels import Levels, SilentEngineError


def engine(name, *, running, parked, device, host):
    kind = ParkedKind(
        kind="image", requests=parked, longest_s=1.0, context_tokens=9, dispositions={}
    )
    return EngineStatus(
        replica=name,
        uptime_s=1.0,
        running=running,
        waiting=1,
        parked=[kind, kind],
        block_bytes=1,
        device_blocks=device,
        host_blocks=host,
        intercepted=0,
        resumed={},
        waste_byte_seconds={},
    )


def status(*engines, silent=0):
    return ServerStatus(
        application="infercept",
        model="tiny",
        policy="adaptive",
        deployments=[],
        engines=list(engines),
        silent=silent,
    )


TWO = (
    engine("a", running=2, parked=3, device={"running": 2, "free": 8}, host=None),
    engine(
        "b",
        running=0,
        parked=1,
        device={"cached": 90, "free": 1},
        host={"swapped": 5, "free": 45},
    ),
)


def test_levels_are_summed_over_engines():
    levels = Levels.of(status(*TWO), questions=1)
    assert (levels.running, levels.waiting, levels.parked, levels.questions) == (2, 2, 8, 1)
    assert levels.device == {"running": 2, "cached": 90, "free": 9}
    assert levels.host == {"swapped": 5, "free": 45}
    assert levels.held_blocks == 7
    assert not levels.at_rest


def test_an_engine_that_does_not_tell_is_not_taken_for_one_at_rest():
    with pytest.raises(SilentEngineError, match="1 of the engines did not say"):
        Levels.of(status(silent=1))


def test_rest_is_when_nobody_holds_anything():
    resting = Levels(0, 0, 0, 0, {"free": 8, "cached": 92, "running": 0}, {"free": 50})
    assert resting.at_rest
    for busy in (
        Levels(1, 0, 0),
        Levels(0, 1, 0),
        Levels(0, 0, 1),
        Levels(0, 0, 0, questions=1),
        Levels(0, 0, 0, device={"free": 9, "preserved": 1}),
        Levels(0, 0, 0, host={"free": 9, "swapped": 1}),
    ):
        assert not busy.at_rest
