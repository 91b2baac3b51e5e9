"""A run of the benchmark is what it says: the asked tokens, whoever schedules them."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pytest

from loadtest.policies.engine import STOCK
from loadtest.policies.environment import ONE_ENGINE
from loadtest.policies.settings import Load, engine_settings
from loadtest.workloads.scale import Scale

LOAD = Load(
    rate_per_s=20.0,
    duration_s=60.0,  # a bound: the few conversations end long before
    scale=Scale(tokens=0.05, seconds=0.01, count=0.3),
    last_arrival_s=0.4,
)


SIDES = (STOCK, "adaptive")


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    """Of all sides, which run beside each other: most of it is the start of an engine."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(SIDES, pool.map(run, SIDES), strict=True))


@pytest.mark.parametrize("side", SIDES)
def test_every_conversation_ends_with_the_tokens_it_should_say(
    results: dict[str, dict[str, Any]], side: str
) -> None:
    result = results[side]
    conversations = LOAD.conversations()
    assert result["arrived"] == result["completed"] == len(conversations) > 3
    assert result["output_tokens"] == sum(c.output_tokens for c in conversations)
    # All but the last token of a conversation is computed once; results and outputs, too.
    results_tokens = sum(
        segment.interception.return_tokens
        for c in conversations
        for segment in c.segments
        if segment.interception is not None
    )
    once = result["output_tokens"] + results_tokens - len(conversations)
    once += sum(c.prompt_tokens for c in conversations)
    calls = sum(len(c.segments) - 1 for c in conversations)
    if side == STOCK:
        assert result["telemetry"] == {}
        assert result["computed_tokens"] > once
    else:
        again = result["telemetry"]["recomputed_tokens"]
        assert result["computed_tokens"] == once + again
        assert result["telemetry"]["resumed"] == result["telemetry"]["parked"] == calls


def run(side: str) -> dict[str, Any]:
    given = {
        "side": side,
        "engine": asdict(engine_settings(side, 128, 0.1, None)),
        "load": asdict(LOAD),
    }
    process = subprocess.run(
        [sys.executable, "-m", "loadtest.policies.run"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, **ONE_ENGINE},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return result
