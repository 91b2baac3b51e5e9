from itertools import pairwise
from random import Random

import pytest

from loadtest.workloads.arrivals import poisson


def test_arrivals_come_at_the_mean_rate_until_the_end() -> None:
    times = list(poisson(Random(1), 20.0, 500.0))
    assert times == sorted(times)
    assert 0 < times[0] < times[-1] < 500.0
    assert len(times) == pytest.approx(10_000, rel=0.05)


def test_gaps_spread_as_those_of_independent_arrivals() -> None:
    times = list(poisson(Random(2), 1.0, 10_000.0))
    gaps = [late - early for early, late in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert variance == pytest.approx(mean**2, rel=0.1)


@pytest.mark.parametrize("rate_per_s", [0.0, -1.0])
def test_a_rate_must_be_positive(rate_per_s: float) -> None:
    with pytest.raises(ValueError, match=r"rate_per_s: .* is not positive"):
        list(poisson(Random(1), rate_per_s, 10.0))
