"""Counts of what interceptions cost, kept by the scheduler."""

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Telemetry:
    """Totals since the engine started.

    Attributes:
        parked: Interceptions.
        resumed: Resumes; the difference was aborted or is still parked.
        resumed_preserved: Resumes that found their context on the device.
        discarded: Contexts that the policy discarded.
        reclaimed: Contexts taken by memory pressure, among them waiting holders of blocks.
        context_tokens: Sum of context lengths at resume.
        recomputed_tokens: How many of those were computed a second time.
        parked_block_s: Blocks held by parked requests, times the seconds they were held.
        ghosts_dropped: Closing messages of sessions that had ended already.
        truncated_inputs: Inputs cut because they would have exceeded the model's length.
    """

    parked: int = 0
    resumed: int = 0
    resumed_preserved: int = 0
    discarded: int = 0
    reclaimed: int = 0
    context_tokens: int = 0
    recomputed_tokens: int = 0
    parked_block_s: float = 0.0
    ghosts_dropped: int = 0
    truncated_inputs: int = 0

    def as_dict(self) -> dict[str, float]:
        """Name to value."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeReport:
    """What one interception meant for one request; rides on its next output.

    Attributes:
        context: ``preserved`` or ``discarded``.
        context_tokens: Context length at the interception.
        recomputed_tokens: How many of them were computed again.
        parked_s: Seconds in the park table.
    """

    context: str
    context_tokens: int
    recomputed_tokens: int
    parked_s: float

    def as_dict(self) -> dict[str, str | int | float]:
        """The plain form that vLLM serializes."""
        return asdict(self)
