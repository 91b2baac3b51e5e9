"""Counts of what interceptions cost, kept by the scheduler."""

from dataclasses import asdict, dataclass
from typing import Any

from intercept_core.policy.types import Disposition


@dataclass(slots=True)
class Telemetry:
    """Totals since the engine started.

    Attributes:
        parked: Interceptions, and ends of turns that a tool parser has still to read.
        resumed: Resumes; the difference was aborted, had ended or is still parked.
        resumed_preserved: Resumes that found their context on the device.
        resumed_swapped: Resumes whose context was, in part at least, copied back, and nothing
            of it computed again.
        discarded: Contexts that the policy discarded.
        mirrored: Decisions to mirror.
        swapped: Decisions to swap.
        kept: Decisions to preserve what was to be mirrored or swapped.
        reclaimed: Contexts taken by memory pressure, among them waiting holders of blocks.
        reclaimed_mirrors: Takings of blocks that the host had too.
        host_evictions: Host copies that gave way to others.
        blocks_swapped_out: Blocks copied to the host.
        blocks_swapped_in: Blocks copied back.
        context_tokens: Sum of context lengths at resume.
        recomputed_tokens: How many of those were computed a second time.
        parked_block_s: Blocks held by parked requests, times the seconds they were held.
        returning_block_s: The same of requests whose contexts were on their way back.
        resume_wait_s: Sum of the times from a result to the iteration that takes it up.
        policy_s: Processor time of decisions.
        ghosts_dropped: Closing messages of sessions that had ended already.
        truncated_inputs: Inputs cut because they would have exceeded the model's length.
        stall_block_s: Blocks in use, times the seconds that iterations waited for copies.
        budget_blocks: Blocks that could be copied beside the iterations that began copies.
        budget_blocks_used: How many were.
        overdue: Parked requests that the scheduler ended at their deadline.
        blocks_over_limit: Device blocks taken from parked contexts that held more than they
            may together.
    """

    parked: int = 0
    resumed: int = 0
    resumed_preserved: int = 0
    resumed_swapped: int = 0
    discarded: int = 0
    mirrored: int = 0
    swapped: int = 0
    kept: int = 0
    reclaimed: int = 0
    reclaimed_mirrors: int = 0
    host_evictions: int = 0
    blocks_swapped_out: int = 0
    blocks_swapped_in: int = 0
    context_tokens: int = 0
    recomputed_tokens: int = 0
    parked_block_s: float = 0.0
    returning_block_s: float = 0.0
    resume_wait_s: float = 0.0
    policy_s: float = 0.0
    ghosts_dropped: int = 0
    truncated_inputs: int = 0
    stall_block_s: float = 0.0
    budget_blocks: int = 0
    budget_blocks_used: int = 0
    overdue: int = 0
    blocks_over_limit: int = 0

    def decided(self, disposition: Disposition) -> None:
        """Counts a change of mind."""
        if disposition is Disposition.MIRROR:
            self.mirrored += 1
        elif disposition is Disposition.SWAP:
            self.swapped += 1
        else:
            self.kept += 1

    def as_dict(self) -> dict[str, float]:
        """Name to value."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeReport:
    """What one interception meant for one request.

    Attributes:
        kind: The augmentation; None if nobody has said.
        context: What became of it: ``preserved``, ``swapped`` or ``discarded``.
        context_tokens: Context length at the interception.
        recomputed_tokens: How many of them were computed again.
        blocks_swapped_out: Blocks copied to the host.
        blocks_swapped_in: Blocks copied back.
        parked_s: Seconds in the park table: the true duration.
        predicted_s: The duration that the policy expected; None if it did not say.
        dispositions: What was decided, one after the other.
        resume_s: Seconds from the result to the iteration that took it up.
        first_token_s: Seconds from the result to the first new token; None before it.
    """

    kind: str | None
    context: str
    context_tokens: int
    recomputed_tokens: int
    blocks_swapped_out: int
    blocks_swapped_in: int
    parked_s: float
    predicted_s: float | None
    dispositions: list[str]
    resume_s: float
    first_token_s: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The plain form that vLLM serializes."""
        return asdict(self)
