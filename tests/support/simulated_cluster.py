"""Deploys configurations on machines that only say that they have GPUs.

A program of its own: a process knows one Ray, and the tests' has another. Its arguments are
deploy files; each is alone on the cluster. Prints where the replicas are, as JSON.
"""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray import serve
from ray.cluster_utils import Cluster
from ray.serve.handle import DeploymentHandle

from deployments.builder import compose
from deployments.config import ServeConfig
from deployments.serving.deploy_file import load_deploy_file

MACHINES = ({"num_cpus": 16, "num_gpus": 2}, {"num_cpus": 16, "num_gpus": 5})
"""Seven GPUs, of which an engine in four parts finds room in the second machine only."""

PATIENCE_S = 120.0
ATTEMPTS = 3

T = TypeVar("T")


class FakeReplica:
    """Holds what a replica is given, and does nothing with it."""

    def __init__(self, *arguments: Any) -> None:
        pass

    def placement(self) -> dict[str, Any]:
        context = ray.get_runtime_context()
        return {
            "machine": context.get_node_id(),
            "gpus": context.get_accelerator_ids()["GPU"],
            "share": context.get_assigned_resources().get("GPU", 0),
            "weights": os.environ.get("HF_HOME"),
        }


class FakeEngine(FakeReplica):
    """In the place of an engine."""

    def __init__(
        self, config: ServeConfig, workers: dict[str, DeploymentHandle[Any]], artifacts: Any
    ) -> None:
        self._tensor_parallel_size = config.tensor_parallel_size

    def placement(self) -> dict[str, Any]:
        return super().placement() | {"tensor_parallel_size": self._tensor_parallel_size}


def deploy(file: Path) -> dict[str, Any]:
    """The replicas of one file, by deployment. Pools without GPUs are left out: they take
    nothing that a machine could lack."""
    (config,) = load_deploy_file(file).applications.values()
    pools = {name: pool for name, pool in config.augmentations.items() if pool.num_gpus}
    config = config.model_copy(update={"augmentations": pools})
    serve.run(compose(config, FakeEngine, FakeReplica), name="app", route_prefix=None)
    found = {}
    for deployment, status in serve.status().applications["app"].deployments.items():
        placement = serve.get_deployment_handle(deployment, "app").placement.remote()
        found[deployment] = {
            "running": status.replica_states["RUNNING"],
            **placement.result(timeout_s=PATIENCE_S),
        }
    serve.delete("app")
    return found


def started(start: Callable[[], T]) -> T:
    """Ray gives the processes of a machine some seconds, which a busy computer may not have."""
    for _ in range(ATTEMPTS - 1):
        try:
            return start()
        except Exception as error:
            print(f"once more: {error}", file=sys.stderr)
    return start()


def main(files: list[str]) -> None:
    head, *others = MACHINES
    head = {**head, "include_dashboard": False}
    cluster = started(lambda: Cluster(initialize_head=True, head_node_args=head))
    try:
        for machine in others:
            started(partial(cluster.add_node, **machine))
        ray.init(address=cluster.address, log_to_driver=False)
        serve.start(proxy_location="Disabled")
        print(json.dumps({file: deploy(Path(file)) for file in files}))
        serve.shutdown()
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main(sys.argv[1:])
