"""The workers' side of an engine, as far as a scheduler can tell."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.outputs import ModelRunnerOutput


@dataclass(frozen=True, slots=True)
class Work:
    """What one iteration computes.

    Attributes:
        query_tokens: Tokens whose KV it makes.
        context_tokens: Sum of the contexts of its requests, those tokens included.
        again_tokens: How many of the query tokens some iteration had computed before.
    """

    query_tokens: int = 0
    context_tokens: int = 0
    again_tokens: int = 0


class Worker(ABC):
    """Runs iterations."""

    @abstractmethod
    def run(self, output: SchedulerOutput) -> tuple[ModelRunnerOutput, Work]:
        """Samples a token for every request whose context is complete after this iteration."""
