"""Simulations from settings, as functions that other processes can run."""

import gc
from collections.abc import Mapping, Sequence
from dataclasses import replace

from loadtest.simulator.capacity import Capacity, Deadlines, idle_latency_s, search
from loadtest.simulator.outcome import Outcome
from loadtest.simulator.settings import Settings
from loadtest.simulator.simulation import Simulation
from loadtest.workloads.conversation import Conversation
from loadtest.workloads.etas import Etas

_IDLE_POLICY = "preserve"
"""With the engine to itself a conversation loses nothing, and this one copies nothing."""


def simulation(settings: Settings, policy: str, workload: Sequence[Conversation]) -> Simulation:
    """One simulation, not run yet."""
    made = Simulation(
        settings.hardware,
        policy,
        workload,
        prefix_caching=settings.prefix_caching,
        policy_options=settings.policy_options,
        recompute_slowdown=settings.recompute_slowdown,
        etas=None if settings.eta_error is None else Etas(settings.eta_error, settings.seed),
        check=settings.check,
    )
    # Blocks and workload stay to the end: no need to look at them again and again.
    gc.collect()
    gc.freeze()
    return made


def outcome(settings: Settings, policy: str) -> Outcome:
    """What a run shows."""
    run = simulation(settings, policy, settings.workload(settings.rate_per_s))
    until_s = float("inf") if settings.drain else settings.duration_s
    return run.run(until_s=until_s, window_s=settings.duration_s)


def idle_latency(settings: Settings) -> float:
    """Median normalized latency of an idle engine, in seconds."""
    settings = replace(settings, policy_options={})  # they are another policy's
    plenty = settings.workload(max(1.0, 400 / settings.duration_s))
    return idle_latency_s(lambda workload: simulation(settings, _IDLE_POLICY, workload), plenty)


def largest_rate(
    settings: Settings,
    limit_s: float,
    precision: float,
    near_per_s: Mapping[str, float],
    policy: str,
) -> Capacity:
    """The largest rate whose median normalized latency stays within ``limit_s``.

    Args:
        settings: The simulation, but for its rate.
        limit_s: See :class:`~loadtest.simulator.capacity.Deadlines`.
        precision: See :func:`~loadtest.simulator.capacity.search`.
        near_per_s: Where the rates of policies are expected.
        policy: Whose rate.
    """

    def keeps(rate_per_s: float) -> bool:
        workload = settings.workload(rate_per_s)
        return Deadlines(simulation(settings, policy, workload), limit_s).answer()

    return search(keeps, precision, near_per_s.get(policy))
