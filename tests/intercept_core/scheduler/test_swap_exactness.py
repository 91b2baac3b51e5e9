"""Swapping must not change a token, however late the copies are."""

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from delayed_copies import FakeDelayedCopies
from fickle import Fickle
from fixed_costs import FixedCosts
from in_process_engine import InProcessEngine
from players import play
from script import ScriptedTurn, random_ids

from intercept_core.policy.registry import POLICIES
from intercept_core.swap.host_pool import GIB, bytes_per_block

_numbers = itertools.count()

ROOMY, TIGHT = 200, 12
"""Host blocks: for all contexts, or for less than one."""

COPYING = ("swap", "budgeted_swap", "heuristic", "infercept", "adaptive")


def make_engine(
    model: Path, asynchronous: bool, caching: bool, host_blocks: int
) -> InProcessEngine:
    engine = InProcessEngine(
        model,
        async_scheduling=asynchronous,
        enable_prefix_caching=caching,
        kv_transfer_config={
            "kv_connector": "InterceptConnector",
            "kv_connector_module_path": "intercept_core.swap.connector",
            "kv_role": "kv_producer",
            "kv_connector_extra_config": {
                "host_memory_gib": host_blocks * BLOCK_BYTES / GIB,
            },
        },
    )
    engine.scheduler.intercept_cost = FixedCosts()
    assert engine.scheduler.swapper is not None
    assert engine.scheduler.swapper.pool.size == host_blocks
    assert bytes_per_block(engine.scheduler.kv_cache_config) == BLOCK_BYTES
    return engine


BLOCK_BYTES = 2 * 2 * 32 * 2 * 32 * 4
"""Keys and values, layers, tokens, heads, head size, float32 of the random model."""


@pytest.fixture(scope="session")
def swap_engines(
    random_llama: Path,
) -> Iterator[dict[tuple[bool, bool, int], InProcessEngine]]:
    made = {
        (asynchronous, caching, host): make_engine(random_llama, asynchronous, caching, host)
        for asynchronous in (False, True)
        for caching in (False, True)
        for host in (ROOMY, TIGHT)
    }
    yield made
    for engine in made.values():
        engine.core.shutdown()


@pytest.fixture
def swap_engine(
    swap_engines: dict[tuple[bool, bool, int], InProcessEngine],
    asynchronous: bool,
    caching: bool,
    host_blocks: int,
) -> Iterator[InProcessEngine]:
    """An idle engine; whatever the test did, every block must come back."""
    engine = swap_engines[asynchronous, caching, host_blocks]
    swapper = engine.scheduler.swapper
    assert swapper is not None
    free_blocks = engine.free_blocks
    yield engine
    engine.drain()
    assert engine.free_blocks == free_blocks
    assert swapper.pool.free == host_blocks
    assert not swapper.returning
    assert not swapper.blocks_in_flight
    assert not engine.scheduler.requests


@pytest.mark.parametrize(
    ("name", "host_blocks"),
    [(name, ROOMY) for name in (*COPYING, "fickle")]
    + [(name, TIGHT) for name in ("swap", "infercept", "adaptive", "fickle")],
)
def test_six_sessions_in_a_cache_too_small_for_them(
    swap_engine: InProcessEngine,
    scripts: list[list[ScriptedTurn]],
    name: str,
    host_blocks: int,
) -> None:
    policy = Fickle() if name == "fickle" else POLICIES[name]()
    scheduler = swap_engine.scheduler
    scheduler.intercept_policy = policy
    before = scheduler.telemetry.blocks_swapped_in
    connector = swap_engine.worker_connector
    thread = connector._backend
    pairs = thread._pairs
    connector._backend = FakeDelayedCopies(
        [device for device, _ in pairs], [host for _, host in pairs], most_polls=3, seed=1
    )
    try:
        play(swap_engine, scripts[:6], patience=0.1, seed=3)
        swap_engine.drain()
    finally:
        connector._backend = thread
    if name == "swap" or (name == "fickle" and host_blocks == ROOMY):
        assert scheduler.telemetry.blocks_swapped_in > before


@pytest.mark.parametrize("host_blocks", [ROOMY])
def test_the_real_thread_copies_as_exactly(
    swap_engine: InProcessEngine, scripts: list[list[ScriptedTurn]]
) -> None:
    swap_engine.scheduler.intercept_policy = Fickle()
    play(swap_engine, scripts, patience=0.1, seed=4)


SAMPLED = {"temperature": 1.0, "seed": 11, "ignore_eos": True}
TURN_TOKENS = 12


def sampled_session(
    engine: InProcessEngine, inputs: Sequence[list[int]], triggers: Sequence[int]
) -> list[list[int]]:
    """What a session says whose turns end at ``triggers``, others running in its pauses."""
    name = f"sampled-{next(_numbers)}"
    for number, input_ids in enumerate(inputs):
        known = frozenset(triggers[number : number + 1])
        engine.add(
            name,
            input_ids,
            max_tokens=TURN_TOKENS,
            triggers=known,
            resumable=True,
            **SAMPLED,
        )
        engine.run_until(lambda: engine.ended(name))
        filler = f"{name}-filler-{number}"
        engine.add(filler, [3] * 300, max_tokens=8, ignore_eos=True)
        engine.run_until(lambda filler=filler: engine.ended(filler))
    said = [turn.token_ids for turn in engine.turns[name]]
    engine.close(name)
    engine.drain()
    return said


@pytest.mark.parametrize("host_blocks", [ROOMY])
def test_seeded_sampling_says_the_same_whatever_the_disposition(
    swap_engine: InProcessEngine,
) -> None:
    scheduler, rng = swap_engine.scheduler, random.Random(8)
    inputs = [random_ids(rng, count) for count in (150, 20, 20)]
    scheduler.intercept_policy = POLICIES["preserve"]()
    triggers: list[int] = []
    for turn in range(2):  # a turn's trigger is a token that it says when nothing stops it
        said = sampled_session(swap_engine, inputs[: turn + 1], triggers)[-1]
        triggers.append(next(t for i, t in enumerate(said) if i >= 3 and t not in said[:i]))
    expected = sampled_session(swap_engine, inputs, triggers)
    assert [turn[-1] for turn in expected[:2]] == triggers
    for policy in (POLICIES["improved_discard"](), POLICIES["swap"](), Fickle()):
        scheduler.intercept_policy = policy
        assert sampled_session(swap_engine, inputs, triggers) == expected
