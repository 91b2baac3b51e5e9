"""When requests arrive."""

from collections.abc import Iterator
from random import Random


def poisson(rng: Random, rate_per_s: float, duration_s: float) -> Iterator[float]:
    """Times from the start, until ``duration_s``, of independent arrivals at a mean rate.

    Raises:
        ValueError: if the rate is not positive.
    """
    if rate_per_s <= 0:
        raise ValueError(f"rate_per_s: {rate_per_s} is not positive")
    arrival_s = rng.expovariate(rate_per_s)
    while arrival_s < duration_s:
        yield arrival_s
        arrival_s += rng.expovariate(rate_per_s)
