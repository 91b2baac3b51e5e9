"""Contexts, engines and costs for tests of policies, in round numbers."""

from typing import Any

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.policy.types import Disposition, EngineState, ParkedContext

COST = LinearCostModel(
    iteration_s=0.01, token_s=0.001, block_out_s=0.002, block_in_s=0.002, saturation_tokens=100
)
"""An iteration of n tokens takes 10 + n ms, the copy of a block 2 ms."""


def context(name: str = "a", **fields: Any) -> ParkedContext:
    """Parked at 100 s with 160 tokens in 10 blocks."""
    known: dict[str, Any] = {
        "request_id": name,
        "disposition": Disposition.PRESERVE,
        "kind": "tool",
        "context_tokens": 160,
        "device_blocks": 10,
        "arrival_s": 0.0,
        "parked_s": 100.0,
    }
    return ParkedContext(**(known | fields))


def state(**fields: Any) -> EngineState:
    """At 101 s, an iteration of 30 tokens, 300 tokens in use, a roomy host."""
    known: dict[str, Any] = {
        "now_s": 101.0,
        "running_requests": 3,
        "running_tokens": 300,
        "waiting_requests": 1,
        "free_blocks": 10,
        "total_blocks": 100,
        "block_tokens": 16,
        "batch_tokens": 30,
        "free_host_blocks": 50,
        "total_host_blocks": 50,
    }
    return EngineState(**(known | fields))
