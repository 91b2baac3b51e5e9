"""What ``additional_config["intercept"]`` of the engine may hold."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat
from vllm.config import VllmConfig

from intercept_core.policy.cost_profile import CostProfile
from intercept_core.policy.registry import DEFAULT_POLICY


class InterceptConfig(BaseModel):
    """Settings of the scheduler plugin.

    Attributes:
        policy: A name of :data:`intercept_core.policy.registry.POLICIES`, or
            ``package.module:Class``.
        policy_options: Keyword arguments of the policy.
        profile: What was measured with this model on this machine, see
            :func:`~intercept_core.policy.cost_profile.read_profile`; None to start from
            careful guesses.
        park_deadline_s: Seconds after which a parked request ends whose result has not come.
        max_parked_device_share: Share of the device's KV blocks that parked contexts may hold
            together, 0 to 1.
        recompute_slowdown: By what share of its time recomputation may lengthen an iteration
            with others in it; None for what fills it to the saturation point, see
            :mod:`~intercept_core.scheduler.pace`.
        reports: Whether to report to :class:`~intercept_core.engine.metrics.InterceptMetrics`,
            which has to be there: vLLM's own loggers do not know what to do with a report.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    policy: str = DEFAULT_POLICY
    policy_options: dict[str, Any] = Field(default_factory=dict)
    profile: CostProfile | None = None
    park_deadline_s: PositiveFloat = 3600.0
    max_parked_device_share: float = Field(default=1.0, ge=0.0, le=1.0)
    recompute_slowdown: PositiveFloat | None = None
    reports: bool = False

    @classmethod
    def of(cls, vllm_config: VllmConfig) -> "InterceptConfig":
        """Reads it from the engine's configuration.

        Raises:
            ValueError: naming the field, if something does not fit.
        """
        additional = vllm_config.additional_config
        section = additional.get("intercept", {}) if isinstance(additional, dict) else {}
        return cls.model_validate(section)
