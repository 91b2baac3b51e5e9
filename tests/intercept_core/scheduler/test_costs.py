from pathlib import Path
from typing import Any

import pytest
from in_process_engine import InProcessEngine
from pydantic import ValidationError

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.scheduler.config import InterceptConfig
from intercept_core.scheduler.control import snapshot
from intercept_core.scheduler.costs import learned_costs

PROFILE: dict[str, Any] = {
    "iteration_s": 0.02,
    "token_s": 1e-3,
    "context_token_s": 0.0,
    "block_out_s": 1e-4,
    "block_in_s": 1e-4,
    "saturation_tokens": 33,
}


def test_costs_start_from_the_profile() -> None:
    costs = learned_costs(InterceptConfig.model_validate({"profile": PROFILE}))
    assert costs.to_dict() == pytest.approx(PROFILE)
    assert costs.relative_error is None


def test_without_a_profile_they_start_from_careful_guesses() -> None:
    costs = learned_costs(InterceptConfig())
    assert costs.forward_s(10, 0) == pytest.approx(LinearCostModel().forward_s(10, 0))


def test_a_bad_profile_is_named() -> None:
    with pytest.raises(ValidationError, match=r"profile\.token_s"):
        InterceptConfig.model_validate({"profile": PROFILE | {"token_s": 0}})


def test_the_profile_reaches_the_scheduler_of_an_engine(random_llama: Path) -> None:
    engine = InProcessEngine(
        random_llama,
        async_scheduling=False,
        additional_config={"intercept": {"profile": PROFILE}},
    )
    try:
        assert engine.scheduler.intercept_cost.saturation_tokens == 33
        assert engine.scheduler.intercept_cost.forward_s(1, 0) == pytest.approx(0.021)
    finally:
        engine.core.shutdown()


def test_the_snapshot_tells_costs_and_their_error(
    engines: dict[tuple[bool, bool], InProcessEngine],
) -> None:
    engine = engines[False, False]
    engine.generate([5, 6, 7], max_tokens=4)
    costs = snapshot(engine.scheduler)["costs"]
    assert costs.keys() == {*PROFILE, "relative_error"}
    assert costs["relative_error"] >= 0
