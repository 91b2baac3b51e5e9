"""What several packages' tests share."""

import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

ENGINE_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # one process fewer on the CPU
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    # Compiling takes longer than all that the tests compute.
    "TORCH_COMPILE_DISABLE": "1",
}
# Read when vLLM and torch are imported, so before any test module is.
os.environ.update(ENGINE_ENVIRONMENT)
# What commands set for a server of theirs is not for the Ray that tests share.
os.environ["RAY_SERVE_ENABLE_HA_PROXY"] = "0"

RAY_ENVIRONMENT = {
    # Ray turns token authentication on for a local cluster unless told otherwise.
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    # Metrics after a second, not ten.
    "RAY_metrics_report_interval_ms": "1000",
}


# How long an example takes, or is made, says more of the machine than of the code; and what
# fails once is to fail again.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts last what needs Ray, whose processes would run beside all that comes after."""
    items.sort(key=lambda item: "ray_session" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def ray_session() -> Iterator[str]:
    """One local Ray with Serve for the whole run; gives the base URL of Serve's proxy."""
    os.environ.update(RAY_ENVIRONMENT)
    import ray
    from ray import serve

    port = free_port()
    ray.init(
        address="local",
        num_cpus=8,
        object_store_memory=150 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
    )
    try:
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        yield f"http://127.0.0.1:{port}"
    finally:
        serve.shutdown()
        ray.shutdown()
