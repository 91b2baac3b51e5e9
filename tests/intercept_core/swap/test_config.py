import pytest
from pydantic import ValidationError

from intercept_core.swap.config import SwapConfig


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"host_memory_gib": 0}, "host_memory_gib"),
        ({"host_memory_gib": -1}, "host_memory_gib"),
        ({"bandwidth_gib_per_s": 0}, "bandwidth_gib_per_s"),
        ({"host_memory": 1}, "host_memory"),
    ],
)
def test_what_does_not_fit_is_named(settings: dict[str, float], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        SwapConfig.model_validate(settings)


def test_copies_are_not_held_back_by_default() -> None:
    assert SwapConfig().bandwidth_gib_per_s is None
