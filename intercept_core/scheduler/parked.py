"""One intercepted request, and where its context is."""

from dataclasses import dataclass, field

from vllm.v1.request import Request

from intercept_core.policy.types import Disposition, ParkedContext
from intercept_core.swap.block_copy import BlockCopy


@dataclass(slots=True, kw_only=True, eq=False)
class Parked:
    """A request between its interception and the return of its context.

    The device holds a head of the context, the host finished copies of a tail; both may
    overlap. Blocks in neither are lost and will be computed again.

    Attributes:
        request: vLLM's request.
        key: The session's name outside the engine.
        since_s: When it was parked (the scheduler's clock).
        context_tokens: Tokens whose KV was computed at that moment.
        blocks: Blocks of that context, without an end of it that was lost.
        device_blocks: How many of them, from the first on, the device holds.
        shared_blocks: How many of them, from the first on, others held when it was parked.
        host_slots: Where the host's copies are: of the last block first.
        copy: Its copy in flight; it never has two.
        disposition: What was decided last.
        worth: See :attr:`~intercept_core.policy.types.Decisions.worth`.
        eta_s: Expected time of the result (the scheduler's clock); None when unknown.
        shown_eta_s: What it was when the policy was asked last.
        argument_chars: Length of the call's arguments; None until reported.
        declared_s: The duration that the augmentation declares as typical.
        returns_s: The true time of the result, which only experiments tell.
        kind: The augmentation it waits for; None until reported.
        held_since_s: Since when, on its way back, it has held ``device_blocks``.
        resumed_s: When its result came; None before.
        swapped_out: Blocks copied to the host.
        swapped_in: Blocks copied back.
        predicted_s: The whole duration as it was expected when its kind was first known; until
            then, as at the first decision. None if no policy said.
        predicted_kind: The kind that was known then.
        dispositions: What was decided, one after the other.
    """

    request: Request
    key: str
    since_s: float
    context_tokens: int
    blocks: int
    device_blocks: int
    shared_blocks: int = 0
    host_slots: list[int] = field(default_factory=list)
    copy: BlockCopy | None = None
    disposition: Disposition = Disposition.PRESERVE
    worth: float = float("-inf")
    eta_s: float | None = None
    shown_eta_s: float | None = None
    argument_chars: int | None = None
    declared_s: float | None = None
    returns_s: float | None = None
    kind: str | None = None
    held_since_s: float = 0.0
    resumed_s: float | None = None
    swapped_out: int = 0
    swapped_in: int = 0
    predicted_s: float | None = None
    predicted_kind: str | None = None
    dispositions: list[Disposition] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dispositions.append(self.disposition)

    def become(self, disposition: Disposition) -> None:
        """Notes a decision."""
        if disposition is not self.disposition:
            self.disposition = disposition
            self.dispositions.append(disposition)

    def predict(self, remaining_s: float, now_s: float) -> None:
        """Notes how long it was expected to wait yet, if that is news."""
        if self.predicted_s is None or (self.kind is not None and self.predicted_kind is None):
            self.predicted_s = now_s - self.since_s + remaining_s
            self.predicted_kind = self.kind

    @property
    def request_id(self) -> str:
        """The engine's id."""
        return self.request.request_id

    @property
    def first_host_block(self) -> int:
        """The host has this block of the context and all after it."""
        return self.blocks - len(self.host_slots)

    @property
    def spare_blocks(self) -> int:
        """Device blocks that can go without a loss."""
        return max(self.device_blocks - self.first_host_block, 0)

    def freed_by(self, blocks: int) -> int:
        """Blocks that become free when it loses so many from its end.

        Others may have let go of shared ones since, so there may be more.
        """
        return min(blocks, max(self.device_blocks - self.shared_blocks, 0))

    def lost_tokens(self, block_tokens: int) -> int:
        """Tokens of the context that neither device nor host has."""
        hosted = self.host_slots and self.first_host_block <= self.device_blocks
        kept = self.blocks if hosted else self.device_blocks
        return max(self.context_tokens - kept * block_tokens, 0)

    def view(self) -> ParkedContext:
        """What a policy may see of it."""
        return ParkedContext(
            request_id=self.request.request_id,
            disposition=self.disposition,
            kind=self.kind,
            context_tokens=self.context_tokens,
            device_blocks=self.device_blocks,
            host_blocks=len(self.host_slots),
            arrival_s=self.request.arrival_time,
            parked_s=self.since_s,
            eta_s=self.eta_s,
            argument_chars=self.argument_chars,
            declared_s=self.declared_s,
            returns_s=self.returns_s,
        )
