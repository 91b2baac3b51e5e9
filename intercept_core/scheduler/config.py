"""What ``additional_config["intercept"]`` of the engine may hold."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
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
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: str = DEFAULT_POLICY
    policy_options: dict[str, Any] = Field(default_factory=dict)
    profile: CostProfile | None = None

    @classmethod
    def of(cls, vllm_config: VllmConfig) -> "InterceptConfig":
        """Reads it from the engine's configuration.

        Raises:
            ValueError: naming the field, if something does not fit.
        """
        additional = vllm_config.additional_config
        section = additional.get("intercept", {}) if isinstance(additional, dict) else {}
        return cls.model_validate(section)
