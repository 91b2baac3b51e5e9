"""Has log lines of this project's libraries reach Ray Serve's log of a replica."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import MemoryHandler

SERVE_LOGGER = "ray.serve"

LIBRARIES = ("intercept_core", "augment_workers")
"""Packages that know nothing of Ray Serve and log under their own names."""


class _ToServe(logging.Handler):
    """Hands records on to Serve's logger, whichever handlers it has by then."""

    def emit(self, record: logging.LogRecord) -> None:
        serve_logger = logging.getLogger(SERVE_LOGGER)
        if serve_logger.isEnabledFor(record.levelno):
            serve_logger.handle(record)


def join_serve_logs() -> None:
    """In a replica: log lines of :data:`LIBRARIES` go where Serve's go, in the same form.

    In JSON (``logging_config: {encoding: JSON}`` in the YAML) each has the fields that it was
    logged with, beside Serve's own: ``request_id``, ``replica``, ``application``.
    """
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        if any(isinstance(handler, _ToServe) for handler in logger.handlers):
            continue
        logger.addHandler(_ToServe())
        logger.setLevel(logging.getLogger(SERVE_LOGGER).level)
        logger.propagate = False


@contextmanager
def serve_logs_kept() -> Iterator[None]:
    """While somebody configures Python's logging anew, as vLLM does more than once.

    That closes every handler there is. Those that write to files open them again, but Serve's
    keeps its lines in memory and, once closed, has no file to pass them on to.
    """
    buffers = [
        handler
        for handler in logging.getLogger(SERVE_LOGGER).handlers
        if isinstance(handler, MemoryHandler)
    ]
    targets = [handler.target for handler in buffers]
    try:
        yield
    finally:
        for handler, target in zip(buffers, targets, strict=True):
            handler.setTarget(target)
