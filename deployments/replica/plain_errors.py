"""Errors that any process can read."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger("ray.serve")


@contextmanager
def plain_errors(what: str) -> Iterator[None]:
    """Turns every exception into a ``RuntimeError`` with its name and message.

    Who receives an exception of vLLM unpickles it, and so imports vLLM, which costs Ray
    Serve's controller and proxy ten seconds and half a gigabyte.

    Args:
        what: What was attempted, for the log, which has the whole traceback.
    """
    try:
        yield
    except Exception as error:
        logger.exception("%s failed", what)
        raise RuntimeError(f"{type(error).__name__}: {error}") from None
