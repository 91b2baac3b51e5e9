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
    path.write_text(json.dumps(PROFILE | {"block_tokens": 128}))
    for asked in (None, 128):
        found = from_profile(path, 50, 100, asked)
        assert found.cost == LinearCostModel(**PROFILE)
        assert (found.device_blocks, found.host_blocks) == (50, 100)
        assert found.block_tokens == 128


def test_a_profile_that_does_not_say_has_blocks_of_the_asked_size(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(PROFILE))
    assert from_profile(path, 50, 100).block_tokens == 16
    assert from_profile(path, 50, 100, 32).block_tokens == 32


@pytest.mark.parametrize(
    ("measured", "asked", "part"),
    [
        (128, 16, r"--block-tokens 16: .*profile\.json was measured with block_tokens = 128"),
        ("big", None, r"profile\.json: block_tokens = 'big': not a positive whole number"),
        (0, None, "block_tokens = 0: not a positive"),
    ],
)
def test_blocks_of_another_size_than_measured_are_refused(
    tmp_path: Path, measured: object, asked: int | None, part: str
) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(PROFILE | {"block_tokens": measured}))
    with pytest.raises(ValueError, match=part):
        from_profile(path, 50, 100, asked)


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
