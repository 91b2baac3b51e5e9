"""The open questions of this application, wherever they wait."""

import asyncio
from collections.abc import Mapping
from typing import Any

from ray.serve.handle import DeploymentHandle

from deployments.broadcast import TIMEOUT_S, ask_all
from intercept_core.bus.messages import Answer, Question, Receipt


class Unreachable(RuntimeError):
    """Some workers did not say whether a question is theirs."""


class Questions:
    """Asks all workers of the augmentations that wait for answers.

    Questions are few and people are slow: so every message goes to every worker, and no
    replica needs to know which of them holds which call.

    Args:
        workers: The deployments, by the names of the augmentations.
        timeout_s: Seconds that each worker has to say what it knows.
    """

    def __init__(
        self, workers: Mapping[str, DeploymentHandle[Any]], timeout_s: float = TIMEOUT_S
    ) -> None:
        self._workers = dict(workers)
        self._timeout_s = timeout_s

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
        asked = [
            ask_all(handle, method, *arguments, timeout_s=self._timeout_s)
            for handle in self._workers.values()
        ]
        return [one for several in await asyncio.gather(*asked) for one in several]
