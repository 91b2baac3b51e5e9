"""The configuration of one augmentation and of the pool of its workers."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from augment_workers import registry
from augment_workers.answerable import Answerable
from augment_workers.base import PoolDefaults, ToolSpec
from deployments.autoscaling import (
    DEFAULT_SURGE_PERCENT,
    PoolAutoscalingSection,
    refuse_both,
)
from deployments.gpu_shares import whole_or_share
from deployments.section import Environment, Section, suggestion
from intercept_core.engine.trigger_config import TriggerConfig

CHARACTERS_PER_TOKEN = 16
"""More than a token stands for on average in what people and programs write."""


def _one_or_many(triggers: Any) -> Any:
    return (triggers,) if isinstance(triggers, dict | TriggerConfig) else triggers


Triggers = Annotated[tuple[TriggerConfig, ...], BeforeValidator(_one_or_many)]


class AugmentationSection(Section):
    """One augmentation; its key in the YAML is the name by which the model calls it.

    Attributes:
        type: Which implementation, by its name in the registry of ``augment_workers``;
            ``python`` for the one of ``path``.
        path: ``import.path:Class`` of an ``Augmentation``, with ``type: python``. The path
            itself as ``type`` means the same.
        options: What the implementation is built with.
        inline: Whether it runs in the LLM replica; for work of microseconds. Otherwise it
            is a Serve deployment of its own, to which the fields from ``lease_s`` on belong.
        timeout_s: Deadline of a call over all its attempts, in seconds; the type's default if
            not given. A request may set an earlier one (``vllm_xargs.intercept_timeout_s``).
        on_timeout: What becomes of a request whose call misses it: ``resume`` goes on with
            an error text for the model, ``end`` ends it with finish reason ``abort``.
        result_limit_tokens: Longest result, in tokens of the model; the rest is cut off, and
            a mark says so.
        trigger: Texts with which the model calls it, beside the dialect: one, or a list.
        retry: Whether a call that may have begun may be sent again when its worker is lost
            or says that another try may help; no for work that must not be done twice. The
            type's default if not given. A call that a full queue refused may always.
        max_attempts: How often a call is sent at most.
        lease_s: Seconds without news from the caller after which a worker drops a call.
        concurrency: Calls that one worker runs at the same time; the type's default if not
            given.
        queue_limit: Calls that may wait at one worker; beyond it, calls are refused. The
            type's default if not given.
        batch_size: Calls that one worker does in one piece of work, for types that can.
        num_replicas: Number of workers.
        autoscaling: Grows and shrinks with the queues, instead of ``num_replicas``.
        num_cpus: Logical CPUs of one worker.
        num_gpus: GPUs of one worker; fractions share one.
        max_surge_percent: Workers that an update may start beside those that work, in percent
            of their number, rounded up; 0 stops old ones first.
        env: Environment variables of the workers.
    """

    type: str
    path: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    inline: bool = False
    timeout_s: PositiveFloat = Field(default=None, validate_default=True)
    on_timeout: Literal["resume", "end"] = "resume"
    result_limit_tokens: PositiveInt = 512
    trigger: Triggers = ()
    retry: bool = Field(default=None, validate_default=True)
    max_attempts: PositiveInt = 2
    lease_s: PositiveFloat = 5.0
    concurrency: PositiveInt = Field(default=None, validate_default=True)
    queue_limit: int = Field(default=None, ge=0, validate_default=True)
    batch_size: PositiveInt | None = None
    num_replicas: PositiveInt = 1
    autoscaling: PoolAutoscalingSection | None = None
    num_cpus: float = Field(default=0.0, ge=0)
    num_gpus: float = Field(default=0.0, ge=0)
    max_surge_percent: int = Field(default=DEFAULT_SURGE_PERCENT, ge=0, le=100)
    env: Environment = Field(default_factory=dict)

    @property
    def all_options(self) -> dict[str, Any]:
        """What the implementation is built with, the size of its batches included."""
        batch = {} if self.batch_size is None else {"batch_size": self.batch_size}
        return self.options | batch

    @property
    def answerable(self) -> bool:
        """Whether its calls wait for somebody's answers."""
        return issubclass(registry.resolve(self.type), Answerable)

    @property
    def result_limit_chars(self) -> int:
        """What workers send at most, who cannot count the model's tokens."""
        return self.result_limit_tokens * CHARACTERS_PER_TOKEN

    @model_validator(mode="before")
    @classmethod
    def _python_is_its_path(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or not {"path", "type"} & fields.keys():
            return fields
        path, is_python = fields.get("path"), fields.get("type") == "python"
        if is_python and not path:
            raise ValueError("type: python needs path: import.path:Class")
        if path not in (None, fields.get("type")) and not is_python:
            raise ValueError(f"path: goes with type: python, not {fields.get('type')!r}")
        return fields | {"type": path} if is_python else fields

    @field_validator("type")
    @classmethod
    def _is_an_augmentation(cls, type_name: str) -> str:
        registry.resolve(type_name)
        return type_name

    @field_validator("options")
    @classmethod
    def _fit_the_type(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "type" in info.data:  # else its own error is enough
            registry.declared(info.data["type"], options)
        return options

    @field_validator("inline")
    @classmethod
    def _can_be_inline(cls, inline: bool, info: ValidationInfo) -> bool:
        if inline and issubclass(_implementation(info) or object, Answerable):
            raise ValueError(
                "answers reach a worker from any replica, and nothing that is inline; drop it"
            )
        if inline and {"type", "options"} <= info.data.keys() and _declared(info) is None:
            raise ValueError("its tools are known to a worker alone; drop it")
        return inline

    @field_validator("timeout_s", "retry", "concurrency", "queue_limit", mode="before")
    @classmethod
    def _default_of_the_type(cls, value: Any, info: ValidationInfo) -> Any:
        return _default(info) if value is None else value

    @field_validator("trigger")
    @classmethod
    def _call_the_type(
        cls, triggers: tuple[TriggerConfig, ...], info: ValidationInfo
    ) -> tuple[TriggerConfig, ...]:
        if {"type", "options"} <= info.data.keys():  # else their own errors are enough
            spec = _declared(info)
            for trigger in triggers:
                if spec is None:
                    raise ValueError("the names of its tools are not known; use the dialect")
                _check_arguments(trigger, spec.parameters)
        return triggers

    @field_validator(
        *("lease_s", "concurrency", "queue_limit", "batch_size", "num_replicas"),
        *("autoscaling", "num_cpus", "num_gpus", "max_surge_percent", "env"),
    )
    @classmethod
    def _belongs_to_workers(cls, value: Any, info: ValidationInfo) -> Any:
        if info.data.get("inline") and value != _default(info):
            raise ValueError(
                "belongs to workers, and an inline augmentation has none; drop it, or "
                "inline: true"
            )
        return value

    @field_validator("batch_size")
    @classmethod
    def _can_be_filled(cls, batch_size: int | None, info: ValidationInfo) -> int | None:
        if batch_size is None or not {"type", "options", "concurrency"} <= info.data.keys():
            return batch_size
        options = info.data["options"]
        if "batch_size" in options:
            raise ValueError("stands in options, too; drop one of the two")
        registry.check_options(info.data["type"], options | {"batch_size": batch_size})
        if batch_size > (concurrency := info.data["concurrency"]):
            raise ValueError(
                f"never fills with concurrency {concurrency}; lower it or raise that"
            )
        return batch_size

    @field_validator("autoscaling")
    @classmethod
    def _instead_of_a_number(
        cls, autoscaling: PoolAutoscalingSection | None, info: ValidationInfo
    ) -> PoolAutoscalingSection | None:
        return refuse_both(autoscaling, info)

    @field_validator("num_gpus")
    @classmethod
    def _fits_on_gpus(cls, number: float) -> float:
        return whole_or_share(number)


def _implementation(info: ValidationInfo) -> Any:
    """The class that ``type`` names; None if it names none, which is an error of its own."""
    return registry.resolve(info.data["type"]) if "type" in info.data else None


def _declared(info: ValidationInfo) -> ToolSpec | None:
    return registry.declared(info.data["type"], info.data["options"])


def _default(info: ValidationInfo) -> Any:
    """The value of a field that is not given."""
    name = info.field_name or ""
    found = _implementation(info)
    defaults = PoolDefaults() if found is None else found.defaults
    if hasattr(defaults, name):
        return getattr(defaults, name)
    return AugmentationSection.model_fields[name].get_default(call_default_factory=True)


def _check_arguments(trigger: TriggerConfig, schema: Mapping[str, Any]) -> None:
    """Refuses a trigger of which every call would be refused.

    Raises:
        ValueError: naming the argument and the remedy.
    """
    properties = schema.get("properties", {})
    given = {trigger.argument, *trigger.arguments}
    for name in sorted(given - properties.keys()):
        raise ValueError(f"argument {name!r} is not known; {suggestion(name, set(properties))}")
    kinds = properties[trigger.argument].get("type", "string")
    if "string" not in ([kinds] if isinstance(kinds, str) else kinds):
        raise ValueError(f"argument: {trigger.argument!r} takes no text, but {kinds}")
    for name in sorted(set(schema.get("required", ())) - given):
        raise ValueError(
            f"arguments: {name!r} is needed in every call; give its value, e.g. "
            f"arguments: {{{name}: ...}}"
        )
