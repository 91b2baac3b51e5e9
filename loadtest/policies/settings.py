"""What one run of the benchmark plays."""

from dataclasses import dataclass, field
from typing import Any

from intercept_core.constructor_options import parameters_of
from intercept_core.policy.base import Policy
from intercept_core.policy.infercept import SHORT_TOOLS_S, InferCept
from intercept_core.policy.registry import POLICIES
from loadtest.policies.engine import STOCK, EngineSettings
from loadtest.workloads.conversation import Conversation
from loadtest.workloads.scale import Scale
from loadtest.workloads.six_kinds import six_kinds

STOCK_PLAIN = "stock-no-cache"
"""vLLM's own scheduler without prefix caching, as in the paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The workload.

    Attributes:
        rate_per_s: Mean arrivals a second.
        duration_s: How long they are served.
        last_arrival_s: How long they come; None for as long as they are served.
        scale: Factors on the six kinds.
        seed: Of arrivals, conversations and tokens.
        eta_error: Relative error of the durations that image and speech report.
        plain: Without interceptions: each conversation is one request with its prompt, for
            all that the model says; the tokens of results are left out.
    """

    rate_per_s: float = 18.0
    duration_s: float = 50.0
    scale: Scale = field(default_factory=lambda: Scale(tokens=0.2, seconds=0.2, count=0.5))
    seed: int = 0
    eta_error: float = 0.3
    plain: bool = False
    last_arrival_s: float | None = None

    def conversations(self) -> list[Conversation]:
        """What arrives."""
        until_s = self.duration_s if self.last_arrival_s is None else self.last_arrival_s
        found = six_kinds(self.rate_per_s, until_s, seed=self.seed, scale=self.scale)
        return [_plain(conversation) for conversation in found] if self.plain else found


def _plain(conversation: Conversation) -> Conversation:
    last = conversation.segments[-1].model_copy(
        update={"output_tokens": conversation.output_tokens}
    )
    return Conversation(
        conversation.id,
        conversation.kind,
        conversation.arrival_s,
        conversation.prompt_tokens,
        (last,),
    )


def engine_settings(
    side: str,
    device_blocks: int,
    host_memory_gib: float,
    bandwidth_gib_per_s: float | None,
    seconds: float = 1.0,
) -> EngineSettings:
    """The engine of one side of the comparison.

    Args:
        side: A policy, or vLLM's own scheduler.
        device_blocks: Blocks of the KV cache.
        host_memory_gib: Size of the host pool.
        bandwidth_gib_per_s: Of copies; None for full speed.
        seconds: The workload's factor on durations, also on those that policies go by.
    """
    policy = STOCK if side == STOCK_PLAIN else side
    return EngineSettings(
        policy=policy,
        policy_options={} if policy == STOCK else _known_times(POLICIES[policy], seconds),
        prefix_caching=side != STOCK_PLAIN,
        device_blocks=device_blocks,
        host_memory_gib=host_memory_gib,
        bandwidth_gib_per_s=bandwidth_gib_per_s,
    )


def _known_times(policy: type[Policy], seconds: float) -> dict[str, Any]:
    """The times that a policy goes by unless it is told others, at the workload's factor."""
    times: dict[str, Any] = {
        name: seconds * option.default
        for name, option in parameters_of(policy).items()
        if name.endswith("_s")
    }
    if policy is InferCept:
        times["seconds"] = {kind: seconds * usual_s for kind, usual_s in SHORT_TOOLS_S.items()}
    return times
