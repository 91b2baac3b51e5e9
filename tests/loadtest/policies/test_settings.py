"""Both sides of the comparison get the same work."""

from dataclasses import replace

import pytest

from intercept_core.policy.infercept import SHORT_TOOLS_S
from intercept_core.policy.registry import POLICIES, create
from loadtest.policies.engine import STOCK, EngineSettings
from loadtest.policies.settings import STOCK_PLAIN, Load, engine_settings


def test_without_interceptions_the_same_is_said_at_once() -> None:
    intercepted, plain = Load().conversations(), Load(plain=True).conversations()
    assert [c.output_tokens for c in plain] == [c.output_tokens for c in intercepted]
    assert [c.prompt_tokens for c in plain] == [c.prompt_tokens for c in intercepted]
    assert {len(c.segments) for c in plain} == {1}


@pytest.mark.parametrize("side", [*POLICIES, STOCK, STOCK_PLAIN])
def test_sides_differ_in_the_scheduler_alone(side: str) -> None:
    engine = engine_settings(side, 64, 0.5, None, 0.2)
    assert engine.policy == (STOCK if side == STOCK_PLAIN else side)
    assert engine.prefix_caching == (side != STOCK_PLAIN)
    common = EngineSettings(policy="", device_blocks=64, host_memory_gib=0.5)
    own = ("policy", "policy_options", "prefix_caching")
    alike = replace(engine, **{name: getattr(common, name) for name in own})
    assert alike == common


def test_times_that_policies_go_by_have_the_scale_of_the_workload() -> None:
    options = {
        side: engine_settings(side, 64, 0.5, None, 0.2).policy_options
        for side in (*POLICIES, STOCK)
    }
    assert {side: known for side, known in options.items() if known} == {
        "infercept": {"seconds": {k: 0.2 * usual_s for k, usual_s in SHORT_TOOLS_S.items()}},
        "heuristic": {"threshold_s": 0.2},
        "ttl": {"default_s": 0.4},
    }
    for policy in POLICIES:
        create(policy, options[policy])
