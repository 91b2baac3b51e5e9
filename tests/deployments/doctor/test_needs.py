from pathlib import Path

import pytest

from deployments.doctor.needs import ENGINE_BYTES, GIB, SERVER_BYTES, WORKER_BYTES, Needs
from deployments.serving.deploy_file import load_deploy_file

CONFIGS = Path(__file__).parents[3] / "configs"


def needs_of(name):
    path = CONFIGS / name
    return Needs.of(path, load_deploy_file(path))


def test_a_cpu_engine_and_its_workers():
    needs = needs_of("tiny.yaml")
    assert (needs.engines, needs.gpus, needs.threads) == (1, 0, 1)
    assert (needs.host_pool_bytes, needs.cache_bytes) == (GIB, GIB)
    # All augmentations but the calculator have a worker of their own.
    assert needs.process_bytes == SERVER_BYTES + ENGINE_BYTES + 5 * WORKER_BYTES
    assert needs.memory_bytes >= 2 * GIB + needs.process_bytes


def test_every_replica_counts():
    one, two = needs_of("demo.yaml"), needs_of("demo-2-replicas.yaml")
    assert two.engines == 2
    assert two.threads == 2 * one.threads
    assert two.requests == 2 * one.requests


@pytest.mark.parametrize(
    ("name", "gpus", "tensor_parallel"),
    [("gptj-6b-a100.yaml", 0.9, 1), ("vicuna-13b-2xa100.yaml", None, 2)],
)
def test_gpus_of_engines_and_workers(name, gpus, tensor_parallel):
    needs = needs_of(name)
    assert needs.tensor_parallel == tensor_parallel
    assert gpus is None or needs.gpus == pytest.approx(gpus)
    assert needs.gpus >= tensor_parallel * 0.7
    assert needs.model_bytes == needs.cache_bytes == 0  # on the GPUs
