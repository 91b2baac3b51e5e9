"""The open questions of this application, wherever they wait."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from ray.serve.handle import DeploymentHandle

from intercept_core.bus.messages import Answer, Question, Receipt

logger = logging.getLogger("ray.serve")

TIMEOUT_S = 5.0
"""Seconds that the workers have to say what they know."""


class Unreachable(RuntimeError):
    """Some workers did not say whether a question is theirs."""


class Questions:
    """Asks all workers of the augmentations that wait for answers.

    Questions are few and people are slow: so every message goes to every worker, and no
    replica needs to know which of them holds which call.

    Args:
        workers: The deployments, by the names of the augmentations.
    """

    def __init__(self, workers: Mapping[str, DeploymentHandle[Any]]) -> None:
        self._workers = dict(workers)

    async def waiting(self) -> list[Question]:
        """All open questions that can be reached, the oldest first."""
        told = [one for one in await self._ask("questions") if isinstance(one, list)]
        questions = [question for several in told for question in several]
        return sorted(questions, key=lambda question: -question.waiting_s)

    async def answer(self, answer: Answer) -> Receipt:
        """Gives an answer to the call that waits for it.

        Raises:
            Unreachable: if nobody knows the call who could be asked, and some could not.
        """
        receipts = await self._ask("answer", answer)
        known: tuple[Receipt, ...] = ("taken", "answered")
        for receipt in known:
            if receipt in receipts:
                return receipt
        lost = [receipt for receipt in receipts if isinstance(receipt, BaseException)]
        if lost:
            raise Unreachable(f"{len(lost)} of {len(receipts)} workers did not answer")
        return "unknown"

    async def _ask(self, method: str, *arguments: Any) -> list[Any]:
        """What each worker says, or the exception that came instead."""
        asked = [self._ask_all(handle, method, arguments) for handle in self._workers.values()]
        return [one for several in await asyncio.gather(*asked) for one in several]

    async def _ask_all(
        self, handle: DeploymentHandle[Any], method: str, arguments: tuple[Any, ...]
    ) -> list[Any]:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                response = handle.broadcast(method, *arguments)
                return list(await response.results_async(return_exceptions=True))
        except Exception as error:
            logger.warning("no word from %s: %r", handle.deployment_name, error)
            return [error]
