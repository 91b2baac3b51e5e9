"""Composes the application; the YAML's ``import_path`` is ``deployments.builder:build``."""

from typing import Any

from ray import serve
from ray.serve.config import BackpressureConfig, RequestRouterConfig

from augment_workers import registry
from augment_workers.artifact_files import ArtifactFolder
from deployments.config import ReplicaSection, ServeConfig
from deployments.pools.augmentation import AugmentationWorker
from deployments.pools.section import AugmentationSection
from deployments.replica.llm_replica import LLMReplica
from deployments.routing.route_endpoint import RouteEndpoint
from deployments.routing.session_router import SessionRouter
from deployments.serving import direct_ingress
from intercept_core.bus.pinned_router import PinnedRouter

CONTROL_HEADROOM = 256
"""Renewals and cancellations that one worker takes at a time beside its calls."""

SHUTDOWN_POLL_S = 0.2
"""A replica that stops looks this often whether its last request has ended."""

ROUTES_AT_A_TIME = 1000
"""Questions where a request is to go, each answered in a millisecond."""

REPORT_TIMEOUT_S = 5.0
"""Seconds after which a replica that does not report its pressure is asked again."""

BUSY = BackpressureConfig(status_code=429, retry_after_s=1.0)
"""The answer where too many requests wait; OpenAI's clients come again by themselves."""


def build(args: ServeConfig) -> serve.Application:
    """One LLM deployment, and one for each augmentation that does not run inline."""
    return compose(args, LLMReplica, AugmentationWorker)


def compose(args: ServeConfig, engine: type, worker: type) -> serve.Application:
    """The application, from these two classes: others than our own are for experiments that
    want its deployments without what runs in them."""
    # Decided here, once: every process of the application must mean the same folder.
    artifacts = args.artifacts.folder(args.public_name)
    workers = {
        kind: worker_application(kind, section, artifacts, worker)
        for kind, section in args.augmentations.items()
        if not section.inline
    }
    replica: Any = serve.deployment(engine)
    application: serve.Application = replica.options(
        name=LLMReplica.__name__, **_replica_options(args)
    ).bind(args, workers, artifacts)
    if args.replica.may_be_several and direct_ingress.is_enabled():
        # HAProxy would spread requests by itself: Serve has it ask this deployment instead.
        return application._with_ingress_request_router(_route_application(application))
    return application


def _route_application(engines: serve.Application) -> serve.Application:
    endpoint: Any = serve.deployment(RouteEndpoint)
    application: serve.Application = endpoint.options(
        max_ongoing_requests=ROUTES_AT_A_TIME, ray_actor_options={"num_cpus": 0}
    ).bind(engines)
    return application


def worker_application(
    kind: str,
    section: AugmentationSection,
    artifacts: ArtifactFolder | None = None,
    worker: type = AugmentationWorker,
) -> serve.Application:
    """The deployment of one augmentation that does not run inline."""
    deployment: Any = serve.deployment(worker)
    application: serve.Application = deployment.options(
        name=f"augmentation-{kind}",
        max_ongoing_requests=section.concurrency + section.queue_limit + CONTROL_HEADROOM,
        ray_actor_options=_actor_options(section, section.env),
        request_router_config=RequestRouterConfig(
            request_router_class=PinnedRouter,
            request_router_kwargs={"by_session": registry.resolve(section.type).keeps_sessions},
        ),
        max_surge_percent=section.max_surge_percent,
        # No call takes longer, so a worker that is replaced ends all that it has begun.
        graceful_shutdown_timeout_s=section.timeout_s,
        graceful_shutdown_wait_loop_s=SHUTDOWN_POLL_S,
        **_workers(section),
    ).bind(
        section.type,
        section.all_options,
        section.concurrency,
        section.queue_limit,
        section.result_limit_chars,
        artifacts,
    )
    return application


def _replica_options(args: ServeConfig) -> dict[str, Any]:
    replica = args.replica
    return {
        "max_ongoing_requests": replica.max_ongoing_requests,
        "max_queued_requests": replica.max_queued_requests,
        "backpressure_config": BUSY,
        "max_surge_percent": replica.max_surge_percent,
        "health_check_period_s": replica.health_check_period_s,
        "health_check_timeout_s": replica.health_check_timeout_s,
        "graceful_shutdown_timeout_s": replica.graceful_shutdown_timeout_s,
        "graceful_shutdown_wait_loop_s": SHUTDOWN_POLL_S,
        "ray_actor_options": _actor_options(replica, args.env),
        **_engines(replica),
        **_routing(replica),
    }


def _routing(replica: ReplicaSection) -> dict[str, Any]:
    if not replica.may_be_several:
        return {}
    config = RequestRouterConfig(
        request_router_class=SessionRouter,
        request_router_kwargs=replica.routing.model_dump(),
        request_routing_stats_period_s=replica.routing.report_period_s,
        request_routing_stats_timeout_s=REPORT_TIMEOUT_S,
    )
    return {"request_router_config": config}


def _actor_options(
    section: AugmentationSection | ReplicaSection, env: dict[str, str]
) -> dict[str, Any]:
    options: dict[str, Any] = {"num_cpus": section.num_cpus, "num_gpus": section.num_gpus}
    if env:
        # Set when the process starts: OpenMP reads its variables when it is loaded.
        options["runtime_env"] = {"env_vars": env}
    return options


def _engines(section: ReplicaSection) -> dict[str, Any]:
    if section.autoscaling is None:
        return {"num_replicas": section.num_replicas}
    target = section.autoscaling.target_ongoing_requests
    return {"autoscaling_config": section.autoscaling.serve_config(target)}


def _workers(section: AugmentationSection) -> dict[str, Any]:
    if section.autoscaling is None:
        return {"num_replicas": section.num_replicas}
    # Serve counts calls that run and calls that wait alike: both are ongoing requests.
    target = section.concurrency + section.autoscaling.target_queue_length
    return {"autoscaling_config": section.autoscaling.serve_config(target)}
