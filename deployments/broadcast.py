"""Asks all replicas of a deployment at once."""

import asyncio
import logging
from typing import Any

from ray.serve.handle import DeploymentHandle

logger = logging.getLogger("ray.serve")

TIMEOUT_S = 5.0
"""Seconds that replicas have to say what they know."""


async def ask_all(
    handle: DeploymentHandle[Any], method: str, *arguments: Any, timeout_s: float = TIMEOUT_S
) -> list[Any]:
    """What each replica says, or the exception that came instead; raises nothing.

    One that hangs costs its own answer alone.

    Args:
        handle: The deployment.
        method: Name of the replicas' method.
        arguments: Of the method.
        timeout_s: Seconds that each of them has.
    """
    try:
        response = handle.broadcast(method, *arguments)
        # In a thread, because only the call that blocks gives up one replica and not all.
        return await asyncio.to_thread(
            response.results, timeout_s=timeout_s, return_exceptions=True
        )
    except Exception as error:
        logger.warning("no word from %s: %r", handle.deployment_name, error)
        return [error]
