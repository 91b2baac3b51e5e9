"""What ``additional_config["intercept"]`` of the engine may hold."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from vllm.config import VllmConfig

from intercept_core.policy.registry import DEFAULT_POLICY


class InterceptConfig(BaseModel):
    """Settings of the scheduler plugin.

    Attributes:
        policy: A name of :data:`intercept_core.policy.registry.POLICIES`, or
            ``package.module:Class``.
        policy_options: Keyword arguments of the policy.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: str = DEFAULT_POLICY
    policy_options: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, vllm_config: VllmConfig) -> "InterceptConfig":
        """Reads it from the engine's configuration.

        Raises:
            ValueError: naming the field, if something does not fit.
        """
        additional = vllm_config.additional_config
        section = additional.get("intercept", {}) if isinstance(additional, dict) else {}
        return cls.model_validate(section)
