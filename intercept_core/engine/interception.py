"""What a client is told about the interceptions of its request."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from intercept_core.bus.messages import Artifact

State = Literal["running", "succeeded", "failed", "resumed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interception:
    """One interception as it stands at one moment.

    Attributes:
        id: The bus's call id.
        index: The choice it belongs to; 0 unless the client asked for ``n`` choices.
        kind: The augmentation called.
        arguments: As the model wrote them.
        state: ``running`` (again with every progress report), then ``succeeded`` or
            ``failed``, then ``resumed`` at the first token after it.
        seconds: Time since the generation stopped at the call.
        result: Text that the model was given; None while running.
        artifacts: Files that the call has made.
        error: The failure's code and message; None otherwise.
        fraction: Share of the work done, 0 to 1, where the augmentation reports it.
        eta_s: Expected seconds until the result, where known.
        context: What became of the KV cache meanwhile: ``preserved``, ``swapped`` or
            ``discarded``; known once resumed.
        context_tokens: Length of the context at the interception.
        recomputed_tokens: How many of them were computed again; known once resumed.
        result_tokens: Tokens inserted into the context.
    """

    id: str
    index: int = 0
    kind: str
    arguments: Mapping[str, Any]
    state: State
    seconds: float
    result: str | None = None
    artifacts: tuple[Artifact, ...] = ()
    error: str | None = None
    fraction: float | None = None
    eta_s: float | None = None
    context: str | None = None
    context_tokens: int
    recomputed_tokens: int | None = None
    result_tokens: int | None = None

    def changed(self, **changes: Any) -> "Interception":
        """A copy with ``changes``."""
        return replace(self, **changes)


class InterceptionChannel:
    """Carries the interceptions of one HTTP request from the engine to its response.

    The engine publishes; one reader follows. Nothing is lost when nobody reads: the latest
    state of every interception stays in :attr:`latest`.

    Attributes:
        latest: Every interception of the request, by its id.
        augmentation_tokens: Tokens that results added to the context.
        hidden_tokens: Tokens of the model that the response does not show: its calls.
    """

    def __init__(self) -> None:
        self.latest: dict[str, Interception] = {}
        self.augmentation_tokens = 0
        self.hidden_tokens = 0
        self._events: asyncio.Queue[Interception] = asyncio.Queue()

    def publish(self, interception: Interception) -> None:
        """Records ``interception`` and wakes the reader; never blocks."""
        self.latest[interception.id] = interception
        self._events.put_nowait(interception)

    async def next(self) -> Interception:
        """Waits for the next event; cancel it freely, no event is lost."""
        return await self._events.get()

    def pending(self) -> list[Interception]:
        """Events that nobody has read yet, oldest first; does not wait."""
        events = []
        while not self._events.empty():
            events.append(self._events.get_nowait())
        return events
