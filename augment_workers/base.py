"""The extension point: what an augmentation is."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from intercept_core.bus.messages import Call, Event


class AugmentationError(Exception):
    """A failure that the model and the user should read.

    Args:
        message: What went wrong and what would work, in one sentence.
        code: The ``Failed.code`` to report.
        retryable: Whether the same call may succeed when it is sent again.
    """

    def __init__(
        self, message: str, *, code: str = "tool_error", retryable: bool = False
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolDefaults:
    """What an augmentation is served with where the configuration says nothing.

    Attributes:
        timeout_s: Deadline of a call, in seconds.
        retry: Whether a call that may have begun may be sent again; no for work that must
            not be done twice.
        concurrency: Calls that one worker runs at the same time.
        queue_limit: Calls that may wait at one worker.
    """

    timeout_s: float = 30.0
    retry: bool = True
    concurrency: int = 16
    queue_limit: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What a model is told about one tool, and the scheduler about its calls.

    Attributes:
        description: For the model's tool list.
        parameters: JSON schema of the arguments.
        typical_duration_s: A usual call's seconds: the scheduler's prior until it has seen
            some.
    """

    description: str
    parameters: Mapping[str, Any]
    typical_duration_s: float


class Augmentation(ABC):
    """Something that a generation may call: a tool, a model, an environment, a human.

    A complete augmentation::

        class Echo(Augmentation):
            kind = "echo"
            description = "Repeats a text."
            parameters = {
                "type": "object",
                "properties": {"text": {"type": "string"}},
                "required": ["text"],
                "additionalProperties": False,
            }
            typical_duration_s = 0.001

            async def run(self, call):
                yield call.progress(fraction=0.5, eta_s=0.0005)
                yield call.result(call.arguments["text"])

    One instance serves many calls at the same time on one event loop: work that blocks
    belongs in ``asyncio.to_thread``. Cancellation of the task that iterates ``run`` is how
    a deadline, an expired lease or a client that left reaches the augmentation.

    A class whose tool depends on how it is configured overrides :meth:`declared` and
    :attr:`argument_schema`; one with several tools, :meth:`declared` and :meth:`tools`.

    Attributes:
        kind: The name by which configuration and model call it.
        description: For the model's tool list.
        parameters: JSON schema of the arguments; calls that do not fit never reach ``run``.
        typical_duration_s: A usual call's seconds: the scheduler's prior until it has seen
            some.
        defaults: How it is served unless the configuration says otherwise.
        keeps_sessions: Whether it keeps state between the calls of a session, which then
            all go to one worker.
    """

    kind: ClassVar[str]
    description: ClassVar[str]
    parameters: ClassVar[Mapping[str, Any]]
    typical_duration_s: ClassVar[float]
    defaults: ClassVar[PoolDefaults] = PoolDefaults()
    keeps_sessions: ClassVar[bool] = False

    @classmethod
    def declared(cls, **options: Any) -> ToolSpec | None:
        """The tool that an instance with these options will be, said without making one.

        Args:
            options: Arguments of the constructor, checked one by one.

        Returns:
            Its only tool, which has the name of the augmentation; None if only a running
            instance knows its tools, and their names.

        Raises:
            ValueError: if the options do not fit each other.
        """
        return ToolSpec(
            description=cls.description,
            parameters=cls.parameters,
            typical_duration_s=cls.typical_duration_s,
        )

    @property
    def argument_schema(self) -> Mapping[str, Any]:
        """What the arguments of every call must fit."""
        return self.parameters

    async def tools(self) -> Mapping[str, ToolSpec]:
        """The tools by name, where :meth:`declared` does not know them; else none.

        Raises:
            AugmentationError: if they cannot be found out; it may work later.
        """
        return {}

    @abstractmethod
    def run(self, call: Call) -> AsyncIterator[Event]:
        """Does the work of ``call``.

        Yields:
            Any number of ``call.progress(...)`` events, then one ``call.result(...)``.

        Raises:
            AugmentationError: for a failure that the model should read.
        """

    async def close(self) -> None:
        """Frees what the augmentation holds; called once when its worker stops."""
        return None
