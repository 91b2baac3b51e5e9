import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_process_engine import InProcessEngine
from random_llama import write_random_llama
from script import ScriptedTurn, write_script


@pytest.fixture(scope="session")
def random_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_llama(tmp_path_factory.mktemp("random-llama"))


@pytest.fixture(scope="session")
def engines(random_llama: Path) -> Iterator[dict[tuple[bool, bool], InProcessEngine]]:
    """One engine for each of (async scheduling, prefix caching)."""
    made = {
        (asynchronous, caching): InProcessEngine(
            random_llama, async_scheduling=asynchronous, enable_prefix_caching=caching
        )
        for asynchronous in (False, True)
        for caching in (False, True)
    }
    yield made
    for engine in made.values():
        engine.core.shutdown()


@pytest.fixture(scope="session")
def small(random_llama: Path) -> Iterator[InProcessEngine]:
    """An engine whose whole cache holds one context of the model's length, 32 blocks."""
    small = InProcessEngine(random_llama, async_scheduling=False, num_gpu_blocks_override=33)
    yield small
    small.core.shutdown()


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def asynchronous(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(params=[False, True], ids=["no-cache", "prefix-cache"])
def caching(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def engine(
    engines: dict[tuple[bool, bool], InProcessEngine], asynchronous: bool, caching: bool
) -> Iterator[InProcessEngine]:
    """An idle engine; whatever the test did, every block must come back."""
    engine = engines[asynchronous, caching]
    free_blocks = engine.free_blocks
    yield engine
    engine.drain()
    assert engine.free_blocks == free_blocks
    assert not engine.scheduler.requests
    assert not engine.scheduler.parked


@pytest.fixture(scope="session")
def scripts(engines: dict[tuple[bool, bool], InProcessEngine]) -> list[list[ScriptedTurn]]:
    """Conversations of 1 to 4 interceptions, generated on the plainest engine."""
    rng = random.Random(2402_01869)
    plainest = engines[False, False]
    return [
        write_script(plainest, rng, prompt_tokens=rng.randint(40, 480), interceptions=1 + i % 4)
        for i in range(8)
    ]
