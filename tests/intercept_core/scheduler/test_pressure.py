"""Who gives way when memory is short, and how much of it."""

import random

import pytest
from in_process_engine import InProcessEngine
from parking import park, resume
from script import random_ids

from intercept_core.policy.preserve import Preserve
from intercept_core.scheduler.control import handle


@pytest.fixture
def rng() -> random.Random:
    return random.Random(11)


def test_a_shared_beginning_takes_no_room(small: InProcessEngine, rng: random.Random) -> None:
    """A newcomer needs free blocks for what is its own alone, and no more are taken."""
    scheduler = small.scheduler
    scheduler.intercept_policy = Preserve()
    assert scheduler.reset_prefix_cache()
    beginning = random_ids(rng, 480)  # 15 blocks
    sharer, other = park(small, [*beginning, 7]), park(small, random_ids(rng, 500))
    soon_and_late = [[sharer, 1.0, "a", None, None], [other, 9.0, "b", None, None]]
    handle(scheduler, "etas", soon_and_late)
    assert small.free_blocks == 0
    small.add("newcomer", [*beginning, *random_ids(rng, 60)], max_tokens=3, ignore_eos=True)
    small.run_until(lambda: small.ended("newcomer"))
    held = {name: scheduler.parked.get(name).device_blocks for name in (sharer, other)}  # type: ignore[union-attr]
    assert held == {sharer: 16, other: 8}
    for name in (sharer, other):
        resume(small, name, random_ids(rng, 5), 3)
        small.run_until(lambda name=name: small.ended(name))  # type: ignore[misc]
        small.close(name)
    small.drain()
    assert not scheduler.requests
