"""A server on this machine, or an application on a cluster, for as long as it is needed."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import ray
from ray import serve
from ray.serve._private.api import serve_start
from ray.serve.schema import ApplicationStatus, ApplicationStatusOverview

from deployments.metrics import metrics_page
from deployments.models import CATALOG, prepare
from deployments.progress import Progress
from deployments.serving import direct_ingress
from deployments.serving.deploy_file import DeployFile
from deployments.serving.endpoint import Endpoint
from deployments.serving.local_ray import local_ray, stopped_by_signals, uninterrupted

START_TIMEOUT_S = 900.0
"""A large model may have to be fetched and loaded."""

_POLL_S = 0.25
_REMIND_AFTER_S = 10.0
_LOADING = {"LLMReplica": "LLMReplica (vLLM loads the model)"}
_FAILED = (ApplicationStatus.DEPLOY_FAILED, ApplicationStatus.UNHEALTHY)


class StartError(RuntimeError):
    """The server did not come up; the message says why."""


@contextmanager
def running_server(
    file: DeployFile, endpoint: Endpoint, progress: Progress, metrics_port: int | None = None
) -> Iterator[None]:
    """Serves ``file`` on a Ray of its own; when left, nothing of it remains.

    Args:
        file: What to serve.
        endpoint: Where to listen.
        progress: Who is told what happens.
        metrics_port: Where metrics are exported; None for the usual port or, if that is
            taken, any.

    Raises:
        EndpointTakenError: before anything has started.
        ConnectionError: if Ray does not start.
        StartError: if an application does not come up.
    """
    endpoint.check_free()
    metrics_port = metrics_page.port_for(metrics_port, endpoint)
    prepare_models(file.models, progress)
    progress.step("starting Ray on this machine")
    try:
        with direct_ingress.own_folder(), local_ray(metrics_port):
            progress.step(f"starting Ray Serve on {endpoint.url}")
            try:
                deploy(file, endpoint, progress)
                yield
            finally:
                with uninterrupted():
                    progress.step("stopping")
                    serve.shutdown()
    finally:
        progress.step("stopped")


@contextmanager
def cluster_applications(
    file: DeployFile, endpoint: Endpoint, address: str, progress: Progress
) -> Iterator[None]:
    """Serves ``file`` on the Ray at ``address``; when left, its applications are deleted."""
    progress.step(f"joining the Ray at {address}")
    ray.init(address=address, namespace="serve", log_to_driver=False)
    try:
        with stopped_by_signals():
            deploy(file, endpoint, progress)
            yield
    finally:
        with uninterrupted():
            progress.step("deleting the applications")
            for application in file.schema.applications:
                serve.delete(application.name)
            ray.shutdown()


def deploy_and_leave(
    file: DeployFile, endpoint: Endpoint, address: str, progress: Progress
) -> None:
    """Deploys ``file`` on the Ray at ``address``, where it stays."""
    progress.step(f"joining the Ray at {address}")
    ray.init(address=address, namespace="serve", log_to_driver=False)
    try:
        with stopped_by_signals():
            deploy(file, endpoint, progress)
    finally:
        ray.shutdown()


def prepare_models(models: Sequence[str], progress: Progress) -> None:
    """Makes the models that come with this project; others are vLLM's to load."""
    for model in models:
        if model not in CATALOG:
            continue
        progress.step(f"preparing the model {model}")
        # In a process of its own: what it imports would stay in this one for hours.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            pool.submit(prepare, model).result()


def deploy(file: DeployFile, endpoint: Endpoint, progress: Progress) -> None:
    """Deploys as ``serve deploy`` does and waits until all applications are healthy.

    Raises:
        StartError: if one fails, or takes longer than ``START_TIMEOUT_S``.
    """
    client = serve_start(
        http_options=file.schema.http_options.model_dump()
        | {"host": endpoint.host, "port": endpoint.port},
        proxy_location=file.schema.proxy_location,
        # Of the controller and the proxies; replicas get theirs with the applications.
        global_logging_config=file.schema.logging_config,
    )
    progress.step("deploying")
    client.deploy_apps(file.schema)
    wait_until_healthy([a.name for a in file.schema.applications], progress)
    progress.rest()


def wait_until_healthy(names: Sequence[str], progress: Progress) -> None:
    """Reports what is being waited for.

    Raises:
        StartError: if an application fails, or they take longer than ``START_TIMEOUT_S``.
    """
    started_at_s = said_at_s = time.monotonic()
    said = ""
    while True:
        applications = serve.status().applications
        waiting = _waiting_for(names, applications)
        if not waiting:
            return
        now_s = time.monotonic()
        if now_s - started_at_s > START_TIMEOUT_S:
            raise StartError(f"not healthy after {START_TIMEOUT_S:g} s: {waiting}")
        if waiting != said or now_s - said_at_s > _REMIND_AFTER_S:
            progress.step(f"waiting for {waiting}")
            said, said_at_s = waiting, now_s
        time.sleep(_POLL_S)


def _waiting_for(
    names: Sequence[str], applications: dict[str, ApplicationStatusOverview]
) -> str:
    """The deployments that are not healthy; empty when all applications run."""
    waiting = []
    for name in names:
        application = applications.get(name)
        if application is None or not application.deployments:
            if application is not None and application.status in _FAILED:
                raise StartError(_why(name, application))
            waiting.append(f"{name} to be built")
            continue
        if application.status in _FAILED or _fails_to_start(application):
            raise StartError(_why(name, application))
        if application.status != ApplicationStatus.RUNNING:
            unhealthy = (n for n, d in application.deployments.items() if d.status != "HEALTHY")
            waiting += [_LOADING.get(name, name) for name in unhealthy]
    return ", ".join(waiting)


def _fails_to_start(application: ApplicationStatusOverview) -> bool:
    """Whether a replica has failed: Serve would try again, but nothing will have changed."""
    return any("failed to start" in d.message for d in application.deployments.values())


def _why(name: str, application: ApplicationStatusOverview) -> str:
    messages = [application.message, *(d.message for d in application.deployments.values())]
    reasons = dict.fromkeys(_last_error(message) for message in messages if message)
    logs = "logs: /tmp/ray/session_latest/logs/serve"
    return "\n".join([f"{name} does not start:", *reasons, logs])


def _last_error(message: str) -> str:
    """The end of a message, without the tracebacks of the processes it came through."""
    return message.rpartition("\nRuntimeError: ")[2].strip()
