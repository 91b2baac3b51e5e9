import json
from pathlib import Path

import pytest

from intercept_core.policy.cost_model import LinearCostModel
from loadtest.simulator.hardware import Hardware, from_profile

PROFILE = {
    "iteration_s": 0.01,
    "token_s": 1e-4,
    "context_token_s": 1e-6,
    "block_out_s": 2e-4,
    "block_in_s": 2e-4,
    "saturation_tokens": 128,
}


def test_a_measured_profile_becomes_a_machine(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(PROFILE | {"iterations": 12}))
    found = from_profile(path, 50, 100)
    assert found.cost == LinearCostModel(**PROFILE)
    assert (found.device_blocks, found.host_blocks) == (50, 100)


def test_what_a_profile_lacks_is_named(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(PROFILE | {"token_s": "fast", "block_in_s": None}))
    with pytest.raises(ValueError, match=r"token_s = .fast.*block_in_s = None"):
        from_profile(path, 50, 100)


@pytest.mark.parametrize("name", ["device_blocks", "host_blocks", "block_tokens"])
def test_a_machine_without_memory_is_none(name: str) -> None:
    sizes = {"device_blocks": 5, "host_blocks": 5, "block_tokens": 16} | {name: 0}
    with pytest.raises(ValueError, match=f"{name}: 0 is not positive"):
        Hardware(cost=LinearCostModel(), **sizes)
