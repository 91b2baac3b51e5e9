"""What the micro-benchmark measures is there: requests that run beside parked ones."""

from loadtest.policy_cost import Rig


def test_the_policy_is_asked_while_requests_run() -> None:
    sample = Rig("adaptive", running=3, parked=5, news=2, device_blocks=4096).round()
    assert sample.decide_s > 0 and sample.schedule_s > 0
    assert sample.takings == 0
    assert Rig("adaptive", 3, parked=0, news=0, device_blocks=4096).round().decide_s == 0


def test_those_who_run_take_memory_where_it_is_short() -> None:
    rig = Rig("adaptive", running=8, parked=40, news=2, device_blocks=48 * 11)
    assert sum(rig.round().takings for _ in range(3)) > 0
