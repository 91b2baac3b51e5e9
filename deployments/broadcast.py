"""Asks all replicas of a deployment at once."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ray.serve.handle import DeploymentHandle

logger = logging.getLogger("ray.serve")

TIMEOUT_S = 5.0
"""Seconds that replicas have to say what they know."""

_threads = ThreadPoolExecutor(16, thread_name_prefix="broadcast")
"""One waits for each broadcast, which a replica that hangs makes last ``TIMEOUT_S``.

Not the loop's own pool, which has six on two cores, and on which files and names of hosts wait.
"""


async def ask_all(
    handle: DeploymentHandle[Any], method: str, *arguments: Any, timeout_s: float = TIMEOUT_S
) -> list[Any]:
    """What each replica says, or the exception that came instead; raises nothing.

    One that hangs costs its own answer alone. When as many broadcasts wait as there are
    threads, the next waits for one of them first.

    Args:
        handle: The deployment.
        method: Name of the replicas' method.
        arguments: Of the method.
        timeout_s: Seconds that each of them has.
    """
    try:
        response = handle.broadcast(method, *arguments)
        # In a thread, because only the call that blocks gives up one replica and not all.
        results = partial(response.results, timeout_s=timeout_s, return_exceptions=True)
        return await asyncio.get_running_loop().run_in_executor(_threads, results)
    except Exception as error:
        logger.warning("no word from %s: %r", handle.deployment_name, error)
        return [error]
