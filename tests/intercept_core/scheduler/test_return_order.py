"""A context that returns is not passed by, however long the queue behind it is."""

import pytest

from intercept_core.policy.cost_model import LinearCostModel
from loadtest.simulator.hardware import Hardware
from loadtest.simulator.simulation import Simulation
from loadtest.workloads.conversation import Conversation, Interception, Segment

MACHINE = Hardware(cost=LinearCostModel(), device_blocks=60, host_blocks=200)
"""Room for two newcomers, or for the one that returns."""


def newcomer(number: int) -> Conversation:
    last = Segment(output_tokens=40)
    return Conversation(number, "newcomer", 0.1 * number, 300, (last,))


@pytest.mark.parametrize("policy", ["budgeted_swap", "adaptive"])
def test_newcomers_do_not_take_what_becomes_free(policy: str) -> None:
    call = Interception(kind="human", seconds=5.0, return_tokens=10)
    segments = (Segment(output_tokens=5, interception=call), Segment(output_tokens=5))
    returning = Conversation(0, "returning", 0.0, 600, segments)
    workload = [returning, *(newcomer(number) for number in range(1, 150))]
    simulation = Simulation(MACHINE, policy, workload, prefix_caching=False, etas=None)
    simulation.run()
    first, *others = simulation.played
    (wait_s,) = first.resume_waits_s
    queued_s = max(other.ttft_s for other in others)
    assert wait_s < 2.0 < 10.0 < queued_s
