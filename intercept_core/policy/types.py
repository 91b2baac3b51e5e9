"""What a policy sees and what it answers: plain data, no engine type in sight."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class Disposition(Enum):
    """What happens to the KV context of a parked request."""

    PRESERVE = "preserve"
    """Stays on the device until the request resumes or memory is short."""
    DISCARD = "discard"
    """Its blocks return to the pool; what the prefix cache has lost by then is recomputed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedContext:
    """One intercepted request.

    Attributes:
        request_id: The engine's id.
        disposition: What the policy last said of it.
        kind: The augmentation it waits for; None until the bus has said so.
        context_tokens: Tokens whose KV was computed when it was intercepted.
        device_blocks: KV blocks it still holds on the device.
        arrival_s: When the request first arrived (wall clock): its place in every queue.
        parked_s: When it was intercepted (the policy's clock).
        eta_s: Expected time of the result (the policy's clock); None when unknown.
    """

    request_id: str
    disposition: Disposition
    kind: str | None
    context_tokens: int
    device_blocks: int
    arrival_s: float
    parked_s: float
    eta_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineState:
    """The engine between two iterations.

    Attributes:
        now_s: The policy's clock.
        running_requests: Requests in the running batch.
        running_tokens: Sum of their contexts.
        waiting_requests: Requests that wait to be (re)scheduled.
        free_blocks: KV blocks that can be allocated now.
        total_blocks: KV blocks of the device.
        block_tokens: Tokens a block holds.
    """

    now_s: float
    running_requests: int
    running_tokens: int
    waiting_requests: int
    free_blocks: int
    total_blocks: int
    block_tokens: int


class CostModel(Protocol):
    """Seconds that work takes on this machine with this model."""

    def forward_s(self, query_tokens: int, context_tokens: int) -> float:
        """Time of one iteration over ``query_tokens`` with ``context_tokens`` behind them."""
        ...


@dataclass(frozen=True, slots=True)
class Decisions:
    """A policy's answer; requests it does not name keep their disposition.

    Attributes:
        dispositions: Request id to what shall happen to it. A context once discarded
            cannot be preserved any more: such an entry is ignored.
    """

    dispositions: Mapping[str, Disposition] = field(default_factory=dict)
