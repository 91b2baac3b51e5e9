"""Keeps Ray Serve's logs of a replica alive."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import MemoryHandler


@contextmanager
def serve_logs_kept() -> Iterator[None]:
    """While somebody configures Python's logging anew, as vLLM does more than once.

    That closes every handler there is. Those that write to files open them again, but Serve's
    keeps its lines in memory and, once closed, has no file to pass them on to.
    """
    buffers = [
        handler
        for handler in logging.getLogger("ray.serve").handlers
        if isinstance(handler, MemoryHandler)
    ]
    targets = [handler.target for handler in buffers]
    try:
        yield
    finally:
        for handler, target in zip(buffers, targets, strict=True):
            handler.setTarget(target)
