"""What operators are told of a real scheduler."""

import random

import pytest
from in_process_engine import InProcessEngine
from parking import Clock, park, resume
from script import random_ids

from deployments.status.report import EngineStatus
from intercept_core.policy.preserve import Preserve
from intercept_core.scheduler.control import handle, snapshot


def status_of(engine: InProcessEngine) -> EngineStatus:
    return EngineStatus.of(snapshot(engine.scheduler), replica="r", uptime_s=1.0)


def test_a_status_of_what_is_parked_and_what_it_wastes(
    small: InProcessEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler, rng, clock = small.scheduler, random.Random(3), Clock()
    scheduler.intercept_policy = Preserve()
    monkeypatch.setattr(scheduler, "clock", clock)
    scheduler.device.settle()
    before = status_of(small)
    first, second = (park(small, random_ids(rng, 40)) for _ in range(2))
    handle(scheduler, "etas", [[first, None, "chatbot", None, 7]])
    clock.now_s += 10.0

    now = status_of(small)
    assert {kind.kind: kind.requests for kind in now.parked} == {"chatbot": 1, "": 1}
    assert [kind.longest_s for kind in now.parked] == [10.0, 10.0]
    assert [kind.dispositions for kind in now.parked] == [{"preserve": 1}, {"preserve": 1}]
    assert now.intercepted == before.intercepted + 2
    assert sum(now.device_blocks.values()) == 32  # vLLM keeps one of the 33 for itself
    assert now.device_blocks["preserved"] > 0
    assert now.host_blocks is None
    wasted = now.waste_byte_seconds["preserved"] - before.waste_byte_seconds["preserved"]
    assert wasted == 10.0 * now.device_blocks["preserved"] * now.block_bytes

    resume(small, first, random_ids(rng, 4), max_tokens=2)
    small.run_until(lambda: small.ended(first))
    after = status_of(small)
    assert after.resumed["preserved"] == before.resumed["preserved"] + 1
    for name in (first, second):
        small.close(name)
    assert status_of(small).parked == []
