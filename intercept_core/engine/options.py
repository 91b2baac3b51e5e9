"""What one request asks of the interception, read from vLLM's ``vllm_xargs``."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from vllm import SamplingParams
from vllm.exceptions import VLLMValidationError


class InterceptOptions(BaseModel):
    """Per-request options.

    Attributes:
        augmentations: Kinds that the server runs for this request.
        client_tools: Names that the client runs itself: a call to one ends the request and
            stays in its text.
        intercept_timeout_s: Deadline of each call, in seconds, where it is earlier than the
            augmentation's own.
        show_calls: Whether calls and results appear in the text.
        intercept_channel: Id of the channel that follows the interceptions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    augmentations: tuple[str, ...] = ()
    client_tools: tuple[str, ...] = ()
    intercept_timeout_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    show_calls: bool = False
    intercept_channel: str | None = None

    @field_validator("augmentations", "client_tools", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @classmethod
    def of(cls, params: SamplingParams) -> "InterceptOptions | None":
        """The options of a request, or None if it asks for no augmentation.

        Raises:
            VLLMValidationError: if an option has a wrong type.
        """
        extra_args = params.extra_args
        if not extra_args or not extra_args.get("augmentations"):
            return None
        return cls._validated(
            {name: extra_args[name] for name in cls.model_fields if name in extra_args}
        )

    @classmethod
    def _validated(cls, values: Mapping[str, Any]) -> "InterceptOptions":
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise VLLMValidationError(
                f"vllm_xargs.{name}: {first['msg']}", parameter=name, value=first["input"]
            ) from None
