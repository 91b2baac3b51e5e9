import pytest

from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.route import Route


@pytest.mark.parametrize("field", ["timeout_s", "lease_s"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_times_must_be_positive_and_finite(field, value):
    times = {"timeout_s": 1.0, "lease_s": 1.0, field: value}
    with pytest.raises(ValueError, match=f"{field}={value}"):
        Route(transport=InMemoryTransport({}), **times)


def test_at_least_one_attempt():
    with pytest.raises(ValueError, match="max_attempts=0: must be at least 1"):
        Route(transport=InMemoryTransport({}), timeout_s=1.0, lease_s=1.0, max_attempts=0)
