"""How much memory is held for nothing: GiB·s each second, which is GiB on average."""

from collections.abc import Mapping

from deployments.status.report import EngineStatus, ServerStatus

Rates = Mapping[str, float]
"""Cause to bytes held for nothing on average."""


def since_start(status: ServerStatus) -> Rates:
    """Of all engines together, each since its own start."""
    return _sum([(engine.waste_byte_seconds, engine.uptime_s) for engine in status.engines])


def between(before: ServerStatus, after: ServerStatus) -> Rates:
    """Of all engines together, from one report to another; of those that were not there
    before, since their start."""
    earlier = {engine.replica: engine for engine in before.engines}
    return _sum([_grown(earlier.get(engine.replica), engine) for engine in after.engines])


def _grown(
    before: EngineStatus | None, after: EngineStatus
) -> tuple[Mapping[str, float], float]:
    if before is None or before.uptime_s >= after.uptime_s:  # it has started anew
        return after.waste_byte_seconds, after.uptime_s
    grown = {
        cause: total - before.waste_byte_seconds.get(cause, 0.0)
        for cause, total in after.waste_byte_seconds.items()
    }
    return grown, after.uptime_s - before.uptime_s


def _sum(engines: list[tuple[Mapping[str, float], float]]) -> Rates:
    rates: dict[str, float] = {}
    for totals, seconds in engines:
        for cause, byte_seconds in totals.items():
            rate = byte_seconds / seconds if seconds > 0 else 0.0
            rates[cause] = rates.get(cause, 0.0) + rate
    return rates
