"""The page of each node where Ray exports metrics: its own, Serve's, vLLM's and ours."""

import ray

from deployments.serving.endpoint import Endpoint, EndpointTakenError

PORT = 8080
"""Where KubeRay has it too."""

ANY_PORT = 0
"""Ray chooses one that is free."""


def port_for(wanted: int | None, http: Endpoint) -> int:
    """The port for the page of a Ray that is to be started.

    Without a wish it is :data:`PORT`, unless that is taken: a second server on a machine should
    not fail for its metrics.

    Args:
        wanted: The port asked for; None for no wish.
        http: Where the server itself will listen.

    Raises:
        EndpointTakenError: if the port asked for is taken.
    """
    port = PORT if wanted is None else wanted
    try:
        if port == http.port:
            raise EndpointTakenError(
                f"--metrics-port {port}: the server itself listens there; choose another"
            )
        # Ray listens on all interfaces.
        Endpoint("0.0.0.0", port, option="--metrics-port").check_free()
    except EndpointTakenError:
        if wanted is not None:
            raise
        return ANY_PORT
    return port


def pages() -> list[str]:
    """The pages of all nodes that are alive, of the Ray that we are connected to."""
    return [
        f"{Endpoint(node['NodeManagerAddress'], node['MetricsExportPort']).url}/metrics"
        for node in ray.nodes()
        if node["Alive"] and node["MetricsExportPort"] > 0  # else Ray was told not to export
    ]
