"""A Ray on this machine that leaves nothing behind."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import ray

LOGICAL_CPUS = 8
"""More than a small machine has: the actors of the application mostly wait."""

OBJECT_STORE_BYTES = 150 * 2**20
STOP_TIMEOUT_S = 15.0

_ENVIRONMENT = {
    # Ray turns token authentication on for a local cluster unless told otherwise.
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray would print a line a second about actors that outnumber the cores.
    "RAY_DISABLE_IMPORT_WARNING": "1",
}


class Stopped(BaseException):
    """Somebody wants the program to end; not an error, so no ``Exception``."""


@contextmanager
def local_ray() -> Iterator[None]:
    """Starts Ray; at the end stops it and every process that descends from it."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    ray.init(
        num_cpus=max(LOGICAL_CPUS, os.cpu_count() or 1),
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
    )
    stop_on_signals()  # Ray has just put its own handlers there
    try:
        yield
    finally:
        with uninterrupted():
            _stop()


def stop_on_signals() -> None:
    """Makes Ctrl-C and SIGTERM raise :class:`Stopped` in the main thread."""

    def stop(signum: int, frame: object) -> None:
        raise Stopped

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Lets a clean-up end: further signals are ignored meanwhile."""
    previous = {
        number: signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _stop() -> None:
    # An engine's process outlives a replica that is killed, and is then nobody's child:
    # whom to wait for must be known before.
    descendants = psutil.Process().children(recursive=True)
    ray.shutdown()
    _, alive = psutil.wait_procs(descendants, timeout=STOP_TIMEOUT_S)
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=STOP_TIMEOUT_S)
