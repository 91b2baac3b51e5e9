"""The configuration of the application: ``args`` in the YAML that ``serve deploy`` takes."""

from collections.abc import Mapping
from pathlib import Path
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
from deployments.engine_fields import engine_fields
from deployments.section import Section, suggestion, unknown_field
from intercept_core.engine.dialect_config import DialectConfig
from intercept_core.engine.trigger_config import TriggerConfig, overlapping
from intercept_core.policy.cost_profile import CostProfile, read_profile
from intercept_core.policy.registry import DEFAULT_POLICY, POLICIES

_OURS = {
    "model": "set model beside engine instead",
    "served_model_name": "set served_model_name beside engine instead",
    "scheduler_cls": "the interception scheduler is always used; set scheduler.policy instead",
    "exclude_tools_when_tool_choice_none": "the model must see the tools that the server runs",
}

PROFILE_FOLDER = "profile_folder"
"""Key of the validation context: where relative paths of profiles start."""

DEFAULT_ENV = {"VLLM_NO_USAGE_STATS": "1"}


def _numbers_as_text(env: Any) -> Any:
    # YAML reads `OMP_NUM_THREADS: 1` as a number; an environment holds text.
    if not isinstance(env, dict):
        return env
    return {k: str(v) if type(v) in (int, float) else v for k, v in env.items()}


Environment = Annotated[dict[str, str], BeforeValidator(_numbers_as_text)]


def _one_or_many(triggers: Any) -> Any:
    return (triggers,) if isinstance(triggers, dict | TriggerConfig) else triggers


Triggers = Annotated[tuple[TriggerConfig, ...], BeforeValidator(_one_or_many)]


class AutoscalingSection(Section):
    """How Ray Serve follows the load.

    Attributes:
        min_replicas: Never fewer than this.
        max_replicas: Never more than this.
        target_ongoing_requests: Requests at one replica that are just right.
        upscale_delay_s: Seconds of high load before a replica is added.
        downscale_delay_s: Seconds of low load before a replica is removed.
    """

    min_replicas: PositiveInt = 1
    max_replicas: PositiveInt
    target_ongoing_requests: PositiveFloat
    upscale_delay_s: PositiveFloat = 30.0
    downscale_delay_s: PositiveFloat = 600.0


class SchedulerSection(Section):
    """What happens to the context of a request that waits for an augmentation.

    Attributes:
        policy: A name of ``intercept_core.policy.registry``, or ``package.module:Class`` of
            your own policy.
        policy_options: Keyword arguments of the policy.
        profile: The file that ``infercept profile`` wrote, or its numbers; None to learn the
            costs from careful guesses. A relative path starts at the folder of the deploy
            file, or, where only the arguments are known (``serve deploy``), at the current
            directory of the process that builds the application.
        park_deadline_s: Seconds after which a waiting request ends (finish reason ``abort``)
            whose result has not come in any way. A net below the deadlines of the
            augmentations, and later than any of them.
        max_parked: Requests of one replica that may wait for augmentations at a time; to the
            calls of others the model gets an error text at once. Any number if not given.
        max_parked_device_share: Share of the device's KV cache that waiting contexts may hold
            together, 0 to 1; beyond it they move or are computed again.
        recompute_slowdown: By what share of its time the recomputation of contexts may lengthen
            an iteration in which others generate, e.g. 0.1: they keep their pace, and contexts
            come back later. If not given, recomputation fills iterations up to the profile's
            saturation point, which serves more requests on machines that such iterations slow
            down.
    """

    policy: str = DEFAULT_POLICY
    policy_options: dict[str, Any] = Field(default_factory=dict)
    profile: CostProfile | None = None
    park_deadline_s: PositiveFloat = 3600.0
    max_parked: PositiveInt | None = None
    max_parked_device_share: float = Field(default=1.0, ge=0.0, le=1.0)
    recompute_slowdown: PositiveFloat | None = None

    @field_validator("policy")
    @classmethod
    def _serves(cls, name: str) -> str:
        known = {policy for policy, found in POLICIES.items() if not found.needs_truth}
        if name not in known and ":" not in name:
            raise ValueError(
                f"{name!r} needs to be told how long interceptions will take, which only "
                "experiments know; serve adaptive instead"
                if name in POLICIES
                else f"{name!r} is not known; {suggestion(name, known)}"
            )
        return name

    @field_validator("profile", mode="before")
    @classmethod
    def _read(cls, profile: Any, info: ValidationInfo) -> Any:
        if not isinstance(profile, str | Path):
            return profile
        folder = (info.context or {}).get(PROFILE_FOLDER, Path())
        return read_profile(Path(folder, profile).expanduser())


class SwapSection(Section):
    """Host memory to which the contexts of waiting requests can move.

    Attributes:
        host_memory_gib: Size of the pool of one replica, whose workers share it.
        bandwidth_gib_per_s: For experiments: holds copies back to this bandwidth.
    """

    host_memory_gib: PositiveFloat
    bandwidth_gib_per_s: PositiveFloat | None = None


class ReplicaSection(Section):
    """How many engines there are and what each of them takes.

    Attributes:
        num_replicas: Number of engines.
        autoscaling: Grows and shrinks with the load, instead of ``num_replicas``.
        max_ongoing_requests: Requests that one engine holds, waiting ones included.
        num_cpus: Logical CPUs of one engine.
        num_gpus: GPUs of one engine: its tensor parallel size.
        health_check_period_s: Seconds between two looks at an engine.
        health_check_timeout_s: Seconds that a look may take.
        graceful_shutdown_timeout_s: Seconds that requests have to end when a replica stops.
    """

    num_replicas: PositiveInt = 1
    autoscaling: AutoscalingSection | None = None
    max_ongoing_requests: PositiveInt = 256
    num_cpus: float = Field(default=1.0, ge=0)
    num_gpus: float = Field(default=0.0, ge=0)
    health_check_period_s: PositiveFloat = 2.0
    health_check_timeout_s: PositiveFloat = 30.0
    graceful_shutdown_timeout_s: PositiveFloat = 15.0


class AugmentationSection(Section):
    """One augmentation; its key in the YAML is the name by which the model calls it.

    Attributes:
        type: Which implementation, by its name in the registry of ``augment_workers``;
            ``python`` for the one of ``path``.
        path: ``import.path:Class`` of an ``Augmentation``, with ``type: python``. The path
            itself as ``type`` means the same.
        options: What the implementation is built with.
        inline: Whether it runs in the LLM replica; for work of microseconds. Otherwise it
            is a Serve deployment of its own, to which the rest of the fields belong.
        timeout_s: Deadline of a call over all its attempts, in seconds. A request may set an
            earlier one (``vllm_xargs.intercept_timeout_s``).
        on_timeout: What becomes of a request whose call misses it: ``resume`` goes on with
            an error text for the model, ``end`` ends it with finish reason ``abort``.
        lease_s: Seconds without news from the caller after which a worker drops a call.
        max_attempts: How often a call is sent at most when a worker is lost.
        concurrency: Calls that one worker runs at the same time.
        queue_limit: Calls that may wait at one worker.
        result_limit_chars: Longest result, in characters; the rest is cut off.
        num_replicas: Number of workers.
        autoscaling: Grows and shrinks with the load, instead of ``num_replicas``.
        num_cpus: Logical CPUs of one worker.
        num_gpus: GPUs of one worker; fractions share one.
        env: Environment variables of the workers.
        trigger: Texts with which the model calls it, beside the dialect: one, or a list.
    """

    type: str
    path: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    inline: bool = False
    timeout_s: PositiveFloat = 30.0
    on_timeout: Literal["resume", "end"] = "resume"
    lease_s: PositiveFloat = 5.0
    max_attempts: PositiveInt = 2
    concurrency: PositiveInt = 16
    queue_limit: int = Field(default=256, ge=0)
    result_limit_chars: PositiveInt = 4000
    num_replicas: PositiveInt = 1
    autoscaling: AutoscalingSection | None = None
    num_cpus: float = Field(default=0.0, ge=0)
    num_gpus: float = Field(default=0.0, ge=0)
    env: Environment = Field(default_factory=dict)
    trigger: Triggers = ()

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
    def _can_be_asked(cls, inline: bool, info: ValidationInfo) -> bool:
        known = {"type", "options"} <= info.data.keys()
        if (
            inline
            and known
            and registry.declared(info.data["type"], info.data["options"]) is None
        ):
            raise ValueError("its tools are known to a worker alone; leave inline out")
        return inline

    @field_validator("trigger")
    @classmethod
    def _call_the_type(
        cls, triggers: tuple[TriggerConfig, ...], info: ValidationInfo
    ) -> tuple[TriggerConfig, ...]:
        if {"type", "options"} <= info.data.keys():  # else their own errors are enough
            spec = registry.declared(info.data["type"], info.data["options"])
            for trigger in triggers:
                if spec is None:
                    raise ValueError("the names of its tools are not known; use the dialect")
                _check_arguments(trigger, spec.parameters)
        return triggers


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


class ServeConfig(Section):
    """The whole application.

    Attributes:
        model: A model that comes with this project (``smollm2-tools``, ``tiny-tools``), the
            path of a folder, or a model id that vLLM can fetch.
        served_model_name: What clients call it; ``model`` if not given.
        engine: Arguments of vLLM's engine and OpenAI server, by their names in Python
            (``max_model_len``, ``tool_call_parser``).
        env: Environment variables of the replica, set before vLLM is imported.
        scheduler: What happens to waiting contexts.
        swap: Host memory for waiting contexts; without it they are kept or discarded.
        dialect: How the model writes calls; Hermes if not given.
        augmentations: What the model may call, by name.
        replica: How many engines there are.
    """

    model: str = Field(min_length=1)
    served_model_name: str | None = None
    engine: dict[str, Any] = Field(default_factory=dict)
    env: Environment = Field(default_factory=dict, validate_default=True)
    scheduler: SchedulerSection = Field(default_factory=SchedulerSection)
    swap: SwapSection | None = None
    dialect: DialectConfig = Field(default_factory=DialectConfig)
    augmentations: dict[str, AugmentationSection] = Field(default_factory=dict)
    replica: ReplicaSection = Field(default_factory=ReplicaSection)

    @field_validator("env")
    @classmethod
    def _with_defaults(cls, env: dict[str, str]) -> dict[str, str]:
        return DEFAULT_ENV | env

    @field_validator("engine")
    @classmethod
    def _known_by_vllm(cls, engine: dict[str, Any]) -> dict[str, Any]:
        known = engine_fields()
        for name, value in engine.items():
            if name in _OURS:
                raise unknown_field(cls, name, value, _OURS[name])
            if known and name not in known:
                raise unknown_field(cls, name, value, suggestion(name, known - _OURS.keys()))
        return engine

    @field_validator("swap")
    @classmethod
    def _no_other_connector(
        cls, swap: SwapSection | None, info: ValidationInfo
    ) -> SwapSection | None:
        if swap is not None and "kv_transfer_config" in info.data.get("engine", {}):
            raise ValueError(
                "vLLM has room for one KV connector; drop swap, or engine.kv_transfer_config"
            )
        return swap

    @field_validator("augmentations")
    @classmethod
    def _tell_calls_apart(
        cls, augmentations: dict[str, AugmentationSection], info: ValidationInfo
    ) -> dict[str, AugmentationSection]:
        starts = [one.start for section in augmentations.values() for one in section.trigger]
        dialect = info.data.get("dialect")
        if dialect is not None and dialect.call_start is not None and starts:
            starts.append(dialect.call_start)
        if (pair := overlapping(starts)) is not None:
            raise ValueError(
                f"trigger: start {pair[0]!r} is inside {pair[1]!r}, with which another call "
                "starts; choose texts of which none contains another (dialect.call_start "
                "counts, too; set it to null if the model calls by triggers alone)"
            )
        return augmentations

    @field_validator("augmentations")
    @classmethod
    def _in_time_for_the_scheduler(
        cls, sections: dict[str, AugmentationSection], info: ValidationInfo
    ) -> dict[str, AugmentationSection]:
        scheduler = info.data.get("scheduler")
        for name, section in sections.items():
            if scheduler is not None and section.timeout_s >= scheduler.park_deadline_s:
                raise ValueError(
                    f"{name}.timeout_s: {section.timeout_s:g} is not before "
                    f"scheduler.park_deadline_s ({scheduler.park_deadline_s:g}); "
                    "lower the one or raise the other"
                )
        return sections

    @property
    def public_name(self) -> str:
        """The model's name in the API."""
        return self.served_model_name or self.model
