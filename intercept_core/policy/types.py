"""What a policy sees and what it answers: plain data, no engine type in sight."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol


class Disposition(Enum):
    """What happens to the KV context of a parked request."""

    PRESERVE = "preserve"
    """Stays on the device until the request resumes or memory is short."""
    MIRROR = "mirror"
    """Stays on the device while a copy is made on the host: memory pressure can then take
    the device blocks at once, and nothing has to be computed again."""
    SWAP = "swap"
    """Is copied to the host, and leaves the device block by block as the copies finish."""
    DISCARD = "discard"
    """Its blocks return to the pool; what the prefix cache has lost by then is recomputed."""


@dataclass(slots=True, kw_only=True)  # not frozen: that would triple the time to make one
class ParkedContext:
    """One intercepted request; not to be changed.

    Attributes:
        request_id: The engine's id.
        disposition: What was last decided on it.
        kind: The augmentation it waits for; None until the bus has said so.
        context_tokens: Tokens whose KV was computed when it was intercepted.
        device_blocks: KV blocks it still holds on the device, from its beginning on.
        host_blocks: KV blocks of which the host has a finished copy, from its end on.
        arrival_s: When the request first arrived (wall clock): its place in every queue.
        parked_s: When it was intercepted (the policy's clock).
        eta_s: Expected time of the result (the policy's clock); None when unknown.
        argument_chars: Length of the call's arguments as JSON; None until the bus has said so.
        declared_s: The duration that the augmentation declares as typical; None if it does not.
        returns_s: The true time of the result (the policy's clock). Experiments alone know
            it, and policies other than the oracle must not read it.
    """

    request_id: str
    disposition: Disposition
    kind: str | None
    context_tokens: int
    device_blocks: int
    arrival_s: float
    parked_s: float
    host_blocks: int = 0
    eta_s: float | None = None
    argument_chars: int | None = None
    declared_s: float | None = None
    returns_s: float | None = None


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
        batch_tokens: Query tokens of the last iteration.
        free_host_blocks: Blocks that the host pool can still take.
        total_host_blocks: Blocks of the host pool; 0 without one.
        prefix_caching: Whether the engine finds the contents of free blocks again.
    """

    now_s: float
    running_requests: int
    running_tokens: int
    waiting_requests: int
    free_blocks: int
    total_blocks: int
    block_tokens: int
    batch_tokens: int = 0
    free_host_blocks: int = 0
    total_host_blocks: int = 0
    prefix_caching: bool = True


class CostModel(Protocol):
    """Seconds that work takes on this machine with this model."""

    def forward_s(self, query_tokens: int, context_tokens: int) -> float:
        """Time of one iteration over ``query_tokens`` with ``context_tokens`` behind them."""
        ...

    def copy_s(self, blocks: int, *, to_host: bool) -> float:
        """Time to copy ``blocks`` from the device to the host, or back."""
        ...

    @property
    def saturation_tokens(self) -> int:
        """Most query tokens that hardly make an iteration longer (S), by a tenth at most."""
        ...


@dataclass(frozen=True, slots=True)
class Decisions:
    """A policy's answer; requests it does not name keep their disposition.

    Attributes:
        dispositions: Request id to what shall happen to it; copies are made in this order.
            A context once discarded stays so: such an entry is ignored.
        worth: Request id to what a block of its context is worth keeping on the device, in
            any unit as long as it is one. Under memory pressure the lowest goes first.
        remaining_s: Request id to the seconds that it was expected to wait yet. Nothing acts on
            them: they are kept to be compared with the truth.
    """

    dispositions: Mapping[str, Disposition] = field(default_factory=dict)
    worth: Mapping[str, float] = field(default_factory=dict)
    remaining_s: Mapping[str, float] = field(default_factory=dict)
