"""What the micro-benchmark measures is there: requests that run beside parked ones."""

from loadtest.policy_cost import Rig


def test_the_policy_is_asked_while_requests_run() -> None:
    sample = Rig("adaptive", running=3, parked=5, news=2).round()
    assert sample.decide_s > 0 and sample.schedule_s > 0
    assert Rig("adaptive", running=3, parked=0, news=0).round().decide_s == 0
