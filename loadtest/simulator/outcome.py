"""What a simulation showed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from loadtest.simulator.hardware import Hardware
from loadtest.simulator.virtual_engine import VirtualEngine
from loadtest.workloads.played import Played
from loadtest.workloads.quantiles import Quantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """Device memory in use that served nobody, in block-seconds.

    Attributes:
        parked: Held by parked requests.
        returning: Held by contexts on their way back.
        recompute: Held by each batch, for the part of its time that tokens computed again had.
        stall: Held by each batch, for the time that it waited for copies.
        total: All of the device memory, all the time.
    """

    parked: float = 0.0
    returning: float = 0.0
    recompute: float = 0.0
    stall: float = 0.0
    total: float = 0.0

    def shares(self) -> dict[str, float]:
        """Cause to share of the device memory."""
        return {
            cause: value / self.total if self.total else 0.0
            for cause, value in asdict(self).items()
            if cause != "total"
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One policy, one workload.

    Attributes:
        policy: Which.
        conversations: How many arrived.
        completed: How many of them ended within the window.
        throughput_per_s: Of those, a second of the window.
        unfinished: How many had not ended when the simulation stopped.
        normalized_latency_s: End-to-end time without augmentations for each token generated,
            of those that ended.
        ttft_s: Time to the first token.
        resume_s: Time from a result to the next token.
        span_s: Virtual time that was simulated.
        iterations: Forward passes.
        forward_s: Their time.
        recomputed_tokens: Tokens that were computed more than once.
        recompute_s: What those added to the forward passes.
        stall_s: Time in which forward passes waited for copies.
        waste: Memory that served nobody.
        preemptions: Running requests that lost their blocks.
        telemetry: The scheduler's own totals; empty for vLLM's.
        block_bytes: KV bytes of a block; 0 when unknown.
    """

    policy: str
    conversations: int
    completed: int
    throughput_per_s: float
    unfinished: int
    normalized_latency_s: Quantiles
    ttft_s: Quantiles
    resume_s: Quantiles
    span_s: float
    iterations: int
    forward_s: float
    recomputed_tokens: int
    recompute_s: float
    stall_s: float
    waste: Waste
    preemptions: int
    telemetry: dict[str, float] = field(default_factory=dict)
    block_bytes: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The plain form; quantiles of nothing are infinite, in ``--json`` null."""
        return asdict(self)


def summarize(
    policy: str,
    hardware: Hardware,
    engine: VirtualEngine,
    played: Sequence[Played],
    window_s: float,
) -> Outcome:
    """The outcome of a simulation that has run.

    Args:
        policy: Its policy.
        hardware: Its machine.
        engine: Its engine.
        played: Its conversations.
        window_s: How long they arrived.
    """
    arrived = [p for p in played if p.conversation.arrival_s <= engine.now_s]
    ended = [p for p in arrived if p.end_s is not None]
    completed = sum(p.end_s <= window_s for p in ended if p.end_s is not None)
    account = engine.account
    telemetry: dict[str, float] = {}
    if (ours := engine.intercepting) is not None:
        ours.device.settle()
        telemetry = ours.telemetry.as_dict()
    return Outcome(
        policy=policy,
        conversations=len(arrived),
        completed=completed,
        throughput_per_s=completed / window_s,
        unfinished=len(arrived) - len(ended),
        normalized_latency_s=Quantiles.of(p.normalized_latency_s for p in ended),
        ttft_s=Quantiles.of(p.ttft_s for p in arrived if p.first_token_s is not None),
        resume_s=Quantiles.of(wait_s for p in arrived for wait_s in p.resume_waits_s),
        span_s=engine.now_s,
        iterations=account.iterations,
        forward_s=account.forward_s,
        recomputed_tokens=account.again_tokens,
        recompute_s=account.again_s,
        stall_s=account.stall_s,
        waste=Waste(
            parked=telemetry.get("parked_block_s", 0.0),
            returning=telemetry.get("returning_block_s", 0.0),
            recompute=account.again_block_s,
            stall=account.stall_block_s,
            total=hardware.device_blocks * engine.now_s,
        ),
        preemptions=sum(p.preemptions for p in arrived),
        telemetry=telemetry,
        block_bytes=hardware.block_bytes,
    )
