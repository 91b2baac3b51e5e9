"""The configuration of the application: ``args`` in the YAML that ``serve deploy`` takes."""

from pathlib import Path
from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt, ValidationInfo, field_validator

from augment_workers.artifact_files import ArtifactFolder, open_folder
from augment_workers.retrieval import default_cache_dir
from deployments.autoscaling import DEFAULT_SURGE_PERCENT, AutoscalingSection, refuse_both
from deployments.gpu_shares import check_gpus, whole_or_share
from deployments.pools.section import AugmentationSection
from deployments.replica.engine_fields import engine_fields
from deployments.routing.section import RoutingSection
from deployments.section import Environment, Section, suggestion, unknown_field
from intercept_core.engine.dialect_config import DialectConfig
from intercept_core.engine.trigger_config import overlapping
from intercept_core.policy.cost_profile import CostProfile, read_profile
from intercept_core.policy.registry import (
    DEFAULT_POLICY,
    POLICIES,
    check_options,
    resolve,
)

_OURS = {
    "model": "set model beside engine instead",
    "served_model_name": "set served_model_name beside engine instead",
    "scheduler_cls": "the interception scheduler is always used; set scheduler.policy instead",
    "exclude_tools_when_tool_choice_none": "the model must see the tools that the server runs",
}

PROFILE_FOLDER = "profile_folder"
"""Key of the validation context: where relative paths of profiles start."""

DEFAULT_ENV = {"VLLM_NO_USAGE_STATS": "1"}


class SchedulerSection(Section):
    """What happens to the context of a request that waits for an augmentation.

    Attributes:
        policy: A name of ``intercept_core.policy.registry``, or ``package.module:Class`` of
            your own policy, which whoever deploys must be able to import, too.
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
            an iteration in which others generate. If not given, it fills iterations up to the
            profile's saturation point, or lengthens them by 0.08 if that is more, and by more
            where a context would not be back in about two seconds. With 1 contexts come back
            sooner, and others wait: it suits engines without a host pool that are always full.
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
        if name not in POLICIES and ":" not in name:
            raise ValueError(f"{name!r} is not known; {suggestion(name, known)}")
        if resolve(name).needs_truth:
            raise ValueError(
                f"{name!r} needs to be told how long interceptions will take, which only "
                "experiments know; serve adaptive instead"
            )
        return name

    @field_validator("policy_options")
    @classmethod
    def _fit(cls, options: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "policy" in info.data:
            check_options(info.data["policy"], options)
        return options

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
        max_queued_requests: Requests that may wait for an engine to take them, at each proxy
            (with HAProxy: at each engine); others get status 429 at once.
        num_cpus: Logical CPUs of one engine.
        num_gpus: GPUs of one engine, all of one machine: its tensor parallel size. Below 1,
            the share of a GPU that others use too.
        max_surge_percent: Engines that an update may start beside those that serve, in
            percent of their number, rounded up: they take over before old ones stop. While
            the cluster has no room for one, the update waits. 0 stops old ones first.
        health_check_period_s: Seconds between two looks at an engine.
        health_check_timeout_s: Seconds that a look may take.
        graceful_shutdown_timeout_s: Seconds that requests have to end when a replica stops;
            longer than any stream, or updates cut streams off.
        routing: Which of several engines a request goes to.
    """

    num_replicas: PositiveInt = 1
    autoscaling: AutoscalingSection | None = None
    max_ongoing_requests: PositiveInt = 256
    max_queued_requests: PositiveInt = 1024
    num_cpus: float = Field(default=1.0, ge=0)
    num_gpus: float = Field(default=0.0, ge=0)
    max_surge_percent: int = Field(default=DEFAULT_SURGE_PERCENT, ge=0, le=100)
    health_check_period_s: PositiveFloat = 2.0
    health_check_timeout_s: PositiveFloat = 30.0
    graceful_shutdown_timeout_s: PositiveFloat = 15.0
    routing: RoutingSection = Field(default_factory=RoutingSection)

    @field_validator("autoscaling")
    @classmethod
    def _instead_of_a_number(
        cls, autoscaling: AutoscalingSection | None, info: ValidationInfo
    ) -> AutoscalingSection | None:
        return refuse_both(autoscaling, info)

    @field_validator("num_gpus")
    @classmethod
    def _fits_on_gpus(cls, number: float) -> float:
        return whole_or_share(number)

    @property
    def may_be_several(self) -> bool:
        """Whether there can be more than one engine, beside those of an update."""
        return (self.autoscaling.max_replicas if self.autoscaling else self.num_replicas) > 1


class ArtifactsSection(Section):
    """The files that augmentations make, which clients fetch at ``/v1/artifacts/<name>``.

    Attributes:
        url: A folder as fsspec knows it (``s3://bucket/folder``); credentials and endpoints
            come from the environment. All replicas must reach it. By default a folder of
            this machine, in the project's cache.
        max_gib: Size of all files together; the oldest make room for new ones.
        max_artifact_mib: Size of one file.
        time_to_live_s: Seconds for which a file is kept after it was last made.
        public_url: Where clients reach this server, if they cannot use the address that
            their own requests name: the beginning of the URLs that they are told.
    """

    url: str | None = None
    max_gib: PositiveFloat = 1.0
    max_artifact_mib: PositiveFloat = 32.0
    time_to_live_s: PositiveFloat = 86400.0
    public_url: str | None = Field(default=None, pattern=r"^https?://.")

    @field_validator("url")
    @classmethod
    def _means_a_folder(cls, url: str | None) -> str | None:
        if url is not None:
            open_folder(url)
        return url

    def folder(self, public_name: str) -> ArtifactFolder:
        """What the processes of the application that serves ``public_name`` share."""
        own = "".join(c if c.isalnum() else "-" for c in public_name)
        return ArtifactFolder(
            url=self.url or str(default_cache_dir().absolute() / "artifacts" / own),
            max_bytes=int(self.max_gib * 2**30),
            max_artifact_bytes=int(self.max_artifact_mib * 2**20),
            time_to_live_s=self.time_to_live_s,
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
        artifacts: Where the files are kept that augmentations make.
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
    artifacts: ArtifactsSection = Field(default_factory=ArtifactsSection)
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

    @field_validator("replica")
    @classmethod
    def _has_the_gpus_of_its_engine(
        cls, replica: ReplicaSection, info: ValidationInfo
    ) -> ReplicaSection:
        check_gpus(info.data.get("engine", {}), replica.num_gpus)
        return replica

    @property
    def tensor_parallel_size(self) -> int:
        """Processes of one engine, each with a GPU of its own."""
        gpus = int(self.replica.num_gpus) // self.engine.get("pipeline_parallel_size", 1)
        return self.engine.get("tensor_parallel_size", max(1, gpus))

    @property
    def answerable_kinds(self) -> list[str]:
        """The augmentations that wait for somebody's answers."""
        return [name for name, section in self.augmentations.items() if section.answerable]

    @property
    def public_name(self) -> str:
        """The model's name in the API."""
        return self.served_model_name or self.model
