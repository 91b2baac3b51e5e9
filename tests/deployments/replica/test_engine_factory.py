import pytest

from deployments.config import ServeConfig
from deployments.replica.engine_factory import split_args


@pytest.fixture
def split(tmp_path):
    def split(**args):
        return split_args(ServeConfig.model_validate({"model": "name"} | args), tmp_path)

    return split


def test_arguments_go_where_they_belong(split, tmp_path):
    engine, frontend = split(engine={"max_model_len": 64, "tool_call_parser": "hermes"})
    assert engine.model == str(tmp_path)
    assert engine.served_model_name == ["name"]
    assert engine.max_model_len == 64
    assert frontend.tool_call_parser == "hermes"


def test_the_policy_reaches_the_scheduler(split):
    engine, _ = split(
        engine={"additional_config": {"other": 1}},
        scheduler={"policy": "ttl", "policy_options": {"quantile": 0.5}, "park_deadline_s": 90},
    )
    assert engine.additional_config == {
        "other": 1,
        "intercept": {
            "policy": "ttl",
            "policy_options": {"quantile": 0.5},
            "park_deadline_s": 90.0,
            "max_parked_device_share": 1.0,
        },
    }


def test_the_profile_reaches_the_scheduler(split):
    profile = {
        "iteration_s": 0.02,
        "token_s": 1e-3,
        "context_token_s": 0.0,
        "block_out_s": 1e-4,
        "block_in_s": 1e-4,
        "saturation_tokens": 20,
    }
    engine, _ = split(scheduler={"profile": profile})
    assert engine.additional_config["intercept"]["profile"] == profile


def test_host_memory_reaches_the_connector(split):
    engine, _ = split(swap={"host_memory_gib": 0.5})
    transfer = engine.kv_transfer_config
    assert transfer["kv_connector"] == "InterceptConnector"
    assert transfer["kv_connector_extra_config"] == {"host_memory_gib": 0.5}
    assert split()[0].kv_transfer_config is None


@pytest.mark.parametrize(
    ("given", "backend"),
    [
        ({"tensor_parallel_size": 2}, "mp"),
        ({"tensor_parallel_size": 2, "distributed_executor_backend": "ray"}, "ray"),
        ({}, None),
    ],
)
def test_workers_of_one_replica_are_processes(split, given, backend):
    engine, _ = split(engine=given)
    assert engine.distributed_executor_backend == backend
