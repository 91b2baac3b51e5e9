"""Layers that attend to a window: what is before it is gone, so contexts stay whole or go."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from checked_engine import CheckedEngine
from in_process_engine import InProcessEngine
from modelless import Kind
from parking import park, resume
from random_llama import SIZES, write_random_llama
from script import random_ids
from vllm import SamplingParams
from vllm.v1.request import Request

from intercept_core.policy.preserve import Preserve
from intercept_core.scheduler.control import snapshot
from intercept_core.scheduler.mark import SessionMark

WINDOW = 96


@pytest.fixture(scope="module")
def windowed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessEngine]:
    from transformers import MistralConfig, MistralForCausalLM

    folder = write_random_llama(tmp_path_factory.mktemp("windowed"))
    torch.manual_seed(0)
    config = MistralConfig(**SIZES, sliding_window=WINDOW)
    MistralForCausalLM(config).save_pretrained(folder)
    engine = InProcessEngine(folder, async_scheduling=False, enable_prefix_caching=False)
    engine.scheduler.intercept_policy = Preserve()
    yield engine
    engine.core.shutdown()


@pytest.mark.parametrize("lost_blocks", [0, 1])
def test_no_token_changes_whatever_memory_pressure_takes(
    windowed: InProcessEngine, lost_blocks: int
) -> None:
    rng, scheduler = random.Random(3), windowed.scheduler
    prompt, result = random_ids(rng, 500), random_ids(rng, 9)
    expected = windowed.generate([*prompt, *windowed.generate(prompt, 1), *result], 12)
    free = windowed.free_blocks
    name = park(windowed, prompt)
    parked = scheduler.parked.get(name)
    assert parked is not None
    assert parked.device_blocks == free - windowed.free_blocks < 500 // scheduler.block_size
    if lost_blocks:
        scheduler.cut(parked, parked.device_blocks - lost_blocks)
        assert windowed.free_blocks == free, "a part alone would be of no use"
    lost: Any = snapshot(scheduler)["parked"][parked.key]["lost_tokens"]
    assert lost == (parked.context_tokens if lost_blocks else 0)
    resume(windowed, name, result, 12)
    windowed.run_until(lambda: windowed.ended(name))
    assert windowed.turns[name][-1].token_ids == expected
    windowed.close(name)
    windowed.drain()


def test_a_newcomer_gets_the_memory_of_one_that_waits_for_a_human() -> None:
    """Of two kinds of layers, one with a window; the newcomer fits when the parked one goes."""
    kind = Kind(
        policy="preserve",
        asynchronous=False,
        runner_v2=False,
        depth=0,
        caching=False,
        device_blocks=48,
        host_blocks=0,
        windows=(None, 64),
    )
    engine = CheckedEngine(kind, seed=0)
    engine.worker.trigger_share = 1.0
    add(engine, "session", 330)
    iterate(engine, until=lambda: "session" in engine.scheduler.parked)
    add(engine, "newcomer", 480)
    iterate(engine, until=lambda: "newcomer" not in engine.scheduler.requests)
    assert "session" in engine.scheduler.parked


def add(engine: CheckedEngine, name: str, tokens: int) -> None:
    mark = SessionMark(key=name, trigger_token_ids=frozenset({1}), park_at_end_of_turn=False)
    session = name == "session"
    params = SamplingParams(
        temperature=0,
        max_tokens=8,
        stop_token_ids=[1] if session else [],
        ignore_eos=True,
        extra_args=mark.to_extra_args() if session else None,
    )
    engine.scheduler.add_request(Request(name, [3] * tokens, params, None, resumable=session))


def iterate(engine: CheckedEngine, until: Any) -> None:
    for _ in range(100):
        if until():
            return
        engine.schedule()
        engine.update(engine.run())
    raise AssertionError("it waits for ever")
