"""Random walks of clients and engine, with every KV slot of device and host watched.

Each walk is an engine of one kind (scheduler, pipeline depth, sizes, policy) whose clients
arrive, are intercepted, resume, abort, close and report at random, while the policy may change
its mind. After every action all blocks, slots and places are counted again; every read of KV is
compared with what should be there.

By default 15,000 steps are walked. The whole of it, 100,000 and more:

    INFERCEPT_WALK_STEPS=100000 pytest -q tests/intercept_core/scheduler/test_state_machine.py
"""

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from modelless import FICKLE, Kind
from random_walk import RandomWalk

from intercept_core.policy.registry import POLICIES

STEPS = int(os.environ.get("INFERCEPT_WALK_STEPS", "15000"))
WALK_STEPS = 250
"""Of one walk: long enough for a full house, short enough for many kinds."""

MOST_BYPASSED = 16
"""How many different later arrivals may be taken from a queue, at most, while somebody waits.

Newcomers stand behind whoever waits in the queue, so only those can pass who come while a
context is on its way back or output is under way that must be delivered first, and those who
come back with their blocks. Almost twice the largest number, 9, that a million iterations of
such walks have shown; a queue that is not in order exceeds it within two walks.
"""

kinds = st.builds(
    Kind,
    policy=st.sampled_from([*POLICIES, FICKLE, FICKLE, FICKLE]),
    asynchronous=st.booleans(),
    runner_v2=st.booleans(),
    depth=st.integers(0, 2),
    caching=st.booleans(),
    device_blocks=st.sampled_from([8, 14, 24, 40, 120]),
    host_blocks=st.sampled_from([0, 3, 12, 30, 100]),
)
# Nothing of a layer with a window is copied, and some need more blocks than the smallest cache.
windowed_kinds = kinds.map(
    lambda kind: replace(kind, host_blocks=0, device_blocks=max(kind.device_blocks, 40))
)
any_kinds = st.one_of(
    kinds,
    kinds,
    kinds,
    windowed_kinds.map(lambda kind: replace(kind, windows=(40,))),
    windowed_kinds.map(lambda kind: replace(kind, windows=(None, 40))),
).map(
    # Asynchronous scheduling is refused with vLLM's first runner, and has something in flight.
    lambda kind: (
        replace(kind, runner_v2=True, depth=max(kind.depth, 1)) if kind.asynchronous else kind
    )
)


def walk(kind: Kind, seed: int, steps: int = WALK_STEPS) -> RandomWalk:
    walk = RandomWalk(kind, seed)
    try:
        for _ in range(steps):
            walk.step()
        walk.drain()
        assert walk.most_bypassed <= MOST_BYPASSED, "somebody was left behind"
    except BaseException as error:
        error.add_note(f"iteration {walk.engine.iterations} of seed {seed}, {kind}")
        raise
    return walk


@pytest.mark.timeout(3600)
@settings(
    max_examples=max(STEPS // WALK_STEPS, 1),
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
@given(kind=any_kinds, seed=st.integers(0, 2**32 - 1))
def test_nothing_is_lost_leaked_stuck_or_starved(kind: Kind, seed: int) -> None:
    walk(kind, seed)
