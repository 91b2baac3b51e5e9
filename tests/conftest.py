"""What several packages' tests share."""

import os
import socket
from collections.abc import Iterator

import pytest

RAY_ENVIRONMENT = {
    # Ray turns token authentication on for a local cluster unless told otherwise.
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "OMP_NUM_THREADS": "1",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def ray_session() -> Iterator[str]:
    """One local Ray with Serve for the whole run; gives the base URL of Serve's proxy."""
    os.environ.update(RAY_ENVIRONMENT)
    import ray
    from ray import serve

    port = free_port()
    ray.init(
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
