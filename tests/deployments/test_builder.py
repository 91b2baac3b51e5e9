import pytest
from ray.serve._private.build_app import build_app

from deployments.builder import build
from deployments.config import ServeConfig
from deployments.routing.route_endpoint import RouteEndpoint
from deployments.routing.session_router import SessionRouter
from intercept_core.bus.pinned_router import PinnedRouter


def built(**args):
    """The deployments of an application, by name."""
    config = ServeConfig.model_validate({"model": "a-model"} | args)
    application = build_app(build(config), name="app")
    return {deployment.name: deployment for deployment in application.deployments}


def section(**changes):
    return {"type": "calculator", "concurrency": 2, "queue_limit": 3} | changes


@pytest.fixture
def two():
    augmentations = {
        "inline": {"type": "calculator", "inline": True},
        "remote": section(num_replicas=2, env={"KEY": "value"}, num_gpus=0.25),
    }
    return built(augmentations=augmentations, env={"OMP_NUM_THREADS": 1})


def test_only_augmentations_that_are_not_inline_are_deployments(two):
    assert set(two) == {"LLMReplica", "augmentation-remote"}


def test_a_worker_has_room_for_control_beside_its_calls(two):
    worker = two["augmentation-remote"]
    assert worker.max_ongoing_requests > 2 + 3 + 100
    assert worker.num_replicas == 2
    options = worker.ray_actor_options
    assert options["num_gpus"] == 0.25
    assert options["runtime_env"]["env_vars"] == {"KEY": "value"}
    router = worker._deployment_config.request_router_config
    assert router.get_request_router_class() is PinnedRouter


def test_what_keeps_sessions_gets_all_calls_of_a_session():
    apart = built(augmentations={"a": section(), "b": section(type="retrieval")})
    by_session = {
        name: apart[
            f"augmentation-{name}"
        ]._deployment_config.request_router_config.request_router_kwargs["by_session"]
        for name in "ab"
    }
    assert by_session == {"a": False, "b": True}


def test_the_replica_gets_configuration_workers_and_environment(two):
    replica = two["LLMReplica"]
    config, workers, artifacts = replica.init_args
    assert config.model == "a-model"
    assert set(workers) == {"remote"}
    assert two["augmentation-remote"].init_args[-1] == artifacts
    env = replica.ray_actor_options["runtime_env"]["env_vars"]
    assert env == {"VLLM_NO_USAGE_STATS": "1", "OMP_NUM_THREADS": "1"}


SEVERAL = [
    {"num_replicas": 2},
    {"autoscaling": {"max_replicas": 2, "target_ongoing_requests": 8}},
]


@pytest.mark.parametrize("replica", SEVERAL)
def test_requests_are_routed_among_several_engines(replica):
    replica = replica | {"routing": {"pass_over": 0.5, "report_period_s": 2}}
    found = built(replica=replica)["LLMReplica"]._deployment_config.request_router_config
    assert found.get_request_router_class() is SessionRouter
    assert found.request_router_kwargs == {"pass_over": 0.5, "report_period_s": 2}
    assert found.request_routing_stats_period_s == 2


def test_one_engine_needs_no_router(two):
    found = two["LLMReplica"]._deployment_config.request_router_config
    assert found.is_default_request_router()


@pytest.mark.parametrize(("number", "asked"), [(1, None), (2, RouteEndpoint.__name__)])
def test_haproxy_asks_where_several_engines_are(monkeypatch, number, asked):
    monkeypatch.setenv("RAY_SERVE_ENABLE_HA_PROXY", "1")
    config = ServeConfig.model_validate({"model": "m", "replica": {"num_replicas": number}})
    application = build(config)
    endpoint = application._ingress_request_router
    if asked is None:
        assert endpoint is None
    else:
        assert endpoint._bound_deployment.name == asked
        assert endpoint._bound_deployment.init_args == (application,)


def test_autoscaling_replaces_the_number_of_replicas():
    autoscaling = {"max_replicas": 4, "target_ongoing_requests": 8}
    replica = built(replica={"autoscaling": autoscaling})["LLMReplica"]
    found = replica._deployment_config.autoscaling_config
    assert (found.min_replicas, found.max_replicas) == (1, 4)
    assert found.target_ongoing_requests == 8


def test_a_pool_grows_by_the_length_of_its_queues():
    autoscaling = {"min_replicas": 2, "max_replicas": 4, "target_queue_length": 3}
    worker = built(augmentations={"tool": section(autoscaling=autoscaling)})[
        "augmentation-tool"
    ]
    found = worker._deployment_config.autoscaling_config
    assert (found.min_replicas, found.max_replicas) == (2, 4)
    assert found.target_ongoing_requests == 2 + 3, "Serve counts running and waiting calls"


def test_a_worker_is_built_with_what_its_type_needs():
    workers = built(augmentations={"human": {"type": "chatbot", "result_limit_tokens": 10}})
    worker = workers["augmentation-human"]
    *pool, artifacts = worker.init_args
    assert pool == ["chatbot", {}, 1000, 0, 160]
    assert artifacts.url.endswith("a-model")
    assert worker.max_ongoing_requests > 1000 + 100
