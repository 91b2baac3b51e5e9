"""A Ray on this machine that leaves nothing behind."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

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
    # By default workers give way to whatever else the machine does: here they are the point.
    "RAY_worker_niceness": "0",
    # Half a minute in which load balancers may notice that a replica stops: here are none.
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
}


@contextmanager
def local_ray(metrics_port: int = 0) -> Iterator[None]:
    """Starts Ray; at the end stops it and every process that descends from it.

    Args:
        metrics_port: Where Ray exports metrics; 0 for any port.

    Raises:
        ConnectionError: if Ray does not start, as on a machine that is too busy.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    others = _descendants()
    try:
        _start(metrics_port)
        # At the import, Serve's logger has been set to tell that it started.
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        with stopped_by_signals():  # Ray has just put its own handlers there
            yield
    finally:
        with uninterrupted():
            _stop(_descendants() - others)


def _start(metrics_port: int) -> None:
    try:
        ray.init(
            address="local",  # also beside another Ray of this machine
            num_cpus=max(LOGICAL_CPUS, os.cpu_count() or 1),
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,  # what it does is told by whoever asked for it
            _metrics_export_port=metrics_port,  # as `ray start --metrics-export-port`
        )
    except Exception as error:  # Ray's own class for "timed out during startup"
        raise ConnectionError(
            f"Ray did not start on this machine: {error} If the machine is busy, try again "
            "when it is less so."
        ) from error


def stopped_by_signals() -> AbstractContextManager[None]:
    """Ctrl-C and SIGTERM raise ``KeyboardInterrupt`` in the main thread meanwhile.

    No class of our own: a wait inside Ray ends at once for this one, and makes a
    ``SystemError`` of any other once the wait is over.
    """

    def stop(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    return _signals_go_to(stop)


def uninterrupted() -> AbstractContextManager[None]:
    """Lets a clean-up end: further signals are ignored meanwhile."""
    return _signals_go_to(signal.SIG_IGN)


@contextmanager
def _signals_go_to(handler: Any) -> Iterator[None]:
    previous = {
        number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, former in previous.items():
            signal.signal(number, former)


def _descendants() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def _stop(processes: set[psutil.Process]) -> None:
    # An engine's process outlives a replica that is killed, and is then nobody's child:
    # whom to wait for must be known before.
    ray.shutdown()
    _, alive = psutil.wait_procs(processes, timeout=STOP_TIMEOUT_S)
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(alive, timeout=STOP_TIMEOUT_S)
