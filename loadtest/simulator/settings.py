"""What to simulate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.simulator.hardware import Hardware
from loadtest.workloads.conversation import Conversation
from loadtest.workloads.scale import Scale
from loadtest.workloads.six_kinds import six_kinds
from loadtest.workloads.trace import from_trace

STOCK = "stock"
"""In place of a policy's name: vLLM's own scheduler, to which a resume is a new request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All but the policy.

    Attributes:
        hardware_name: For titles.
        hardware: The machine.
        rate_per_s: Mean arrivals a second.
        duration_s: How long they come.
        trace: Where conversations are read from; None for the six kinds.
        scale: Factors on the conversations.
        seed: Of arrivals, conversations and errors.
        prefix_caching: vLLM's setting.
        eta_error: Relative error of reported durations; None if nothing is reported.
        drain: Whether it goes on until all conversations have ended, and not just to the end
            of the duration.
        check: Whether an oracle follows every KV slot.
        policy_options: Keyword arguments of the policy.
        recompute_slowdown: See :class:`~intercept_core.scheduler.config.InterceptConfig`.
    """

    hardware_name: str
    hardware: Hardware
    rate_per_s: float
    duration_s: float
    trace: Path | None = None
    scale: Scale = field(default_factory=Scale)
    seed: int = 0
    prefix_caching: bool = True
    eta_error: float | None = 0.0
    drain: bool = False
    check: bool = False
    policy_options: Mapping[str, Any] = field(default_factory=dict)
    recompute_slowdown: float | None = None

    def workload(self, rate_per_s: float) -> Sequence[Conversation]:
        """What arrives at this rate.

        Raises:
            ValueError: for a trace that does not fit, or too low a rate to bring anyone.
        """
        if self.trace is not None:
            found = from_trace(
                self.trace, rate_per_s, self.duration_s, seed=self.seed, scale=self.scale
            )
        else:
            found = six_kinds(rate_per_s, self.duration_s, seed=self.seed, scale=self.scale)
        if not found:
            raise ValueError(
                f"nothing arrives within {self.duration_s:g} s at {rate_per_s:g} a second"
            )
        return found

    @property
    def title(self) -> str:
        """In one line."""
        caching = "on" if self.prefix_caching else "off"
        source = "six kinds" if self.trace is None else self.trace.name
        return (
            f"{self.hardware_name}, {source}, {self.duration_s:g} s, prefix caching {caching}, "
            f"seed {self.seed}"
        )
