"""Swapping must not change a token, however late the copies are."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from delayed_copies import FakeDelayedCopies
from fickle import Fickle
from in_process_engine import InProcessEngine
from players import play
from script import ScriptedTurn

from intercept_core.policy.registry import POLICIES
from intercept_core.swap.host_pool import GIB, bytes_per_block

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
def test_eight_sessions_in_a_cache_too_small_for_them(
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
