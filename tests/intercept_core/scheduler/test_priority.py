"""vLLM's priority policy, under which order of arrival is not all."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_process_engine import InProcessEngine
from script import random_ids

EVERY_TOKEN = frozenset(range(512))


# To the end of the run, as others: vLLM's shutdown takes what all engines of a process share.
@pytest.fixture(scope="session")
def engine(random_llama: Path) -> Iterator[InProcessEngine]:
    made = InProcessEngine(random_llama, async_scheduling=False, scheduling_policy="priority")
    yield made
    made.core.shutdown()


def test_half_resumed_sessions_of_two_priorities_do_not_wait_for_each_other(
    engine: InProcessEngine,
) -> None:
    """The urgent one came later, so it is no victim by arrival, and must be none."""
    rng = random.Random(5)
    for name, priority in (("patient", 1), ("urgent", 0)):
        engine.add(
            name,
            random_ids(rng, 600),
            max_tokens=9,
            triggers=EVERY_TOKEN,
            resumable=True,
            priority=priority,
        )
        engine.run_until(lambda name=name: engine.ended(name))
    for name in ("patient", "urgent"):
        engine.add(name, random_ids(rng, 380), max_tokens=5, resumable=True, ignore_eos=True)
    engine.run_until(lambda: engine.ended("patient") and engine.ended("urgent"))
    for name in ("patient", "urgent"):
        engine.close(name)
    engine.drain()
    assert not engine.scheduler.requests
    assert engine.scheduler.get_kv_cache_usage() == 0
