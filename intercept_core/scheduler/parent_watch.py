"""An engine process that outlives its parent keeps a core and the memory busy: end it."""

import logging
import multiprocessing
import multiprocessing.connection
import os
import threading

logger = logging.getLogger(__name__)

_EXIT_CODE = 113


def start() -> None:
    """Ends this process when the one that started it has gone; nothing in a main process."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(
            target=_wait, args=(parent.sentinel,), name="parent-watch", daemon=True
        ).start()


def _wait(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    logger.error("the parent process has gone; the engine ends with it")
    os._exit(_EXIT_CODE)
