from loadtest.soak.levels import Levels

METRICS = """
# HELP infercept_parked_requests Requests that wait for an augmentation.
# TYPE infercept_parked_requests gauge
infercept_parked_requests{engine="0",model_name="m"} 3.0
infercept_parked_requests{engine="1",model_name="m"} 1.0
# HELP infercept_device_blocks KV blocks of the device, by state.
# TYPE infercept_device_blocks gauge
infercept_device_blocks{engine="0",model_name="m",state="running"} 2.0
infercept_device_blocks{engine="0",model_name="m",state="cached"} 90.0
infercept_device_blocks{engine="0",model_name="m",state="free"} 8.0
# HELP infercept_host_blocks KV blocks of the host pool, by state.
# TYPE infercept_host_blocks gauge
infercept_host_blocks{engine="0",model_name="m",state="swapped"} 5.0
infercept_host_blocks{engine="0",model_name="m",state="free"} 45.0
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 2.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
"""


def test_levels_are_summed_over_engines():
    levels = Levels.parse(METRICS, questions=1)
    assert (levels.running, levels.waiting, levels.parked, levels.questions) == (2, 1, 4, 1)
    assert levels.device == {"running": 2, "cached": 90, "free": 8}
    assert levels.host == {"swapped": 5, "free": 45}
    assert levels.held_blocks == 7
    assert not levels.at_rest


def test_rest_is_when_nobody_holds_anything():
    resting = Levels(0, 0, 0, 0, {"free": 8, "cached": 92, "running": 0}, {"free": 50})
    assert resting.at_rest
    for busy in (
        Levels(1, 0, 0),
        Levels(0, 1, 0),
        Levels(0, 0, 1),
        Levels(0, 0, 0, questions=1),
        Levels(0, 0, 0, device={"free": 9, "preserved": 1}),
        Levels(0, 0, 0, host={"free": 9, "swapped": 1}),
    ):
        assert not busy.at_rest
