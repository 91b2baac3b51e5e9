"""What ``GET /v1/status`` answers."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class ParkedKind(BaseModel):
    """The parked requests that wait for one augmentation.

    Attributes:
        kind: The augmentation; empty while the scheduler has not heard of it.
        requests: How many.
        longest_s: Seconds that the first of them has waited.
        context_tokens: Length of their contexts together.
        dispositions: How many of them are to be preserved, mirrored, swapped, discarded.
    """

    model_config = ConfigDict(extra="ignore")

    kind: str
    requests: int
    longest_s: float
    context_tokens: int
    dispositions: dict[str, int]


class EngineStatus(BaseModel):
    """One replica.

    Attributes:
        replica: Ray Serve's id of it.
        uptime_s: Seconds since its engine was ready.
        running: Requests in the batch.
        waiting: Requests that wait to be scheduled.
        parked: Requests that wait for an augmentation, kind by kind, the longest wait first.
        block_bytes: Bytes of one KV block.
        device_blocks: KV blocks by state: ``running``, ``preserved``, ``swapping``,
            ``cached``, ``free``.
        host_blocks: Blocks of the host pool: ``swapped``, ``swapping``, ``free``; None
            without a pool.
        intercepted: Interceptions since the start.
        resumed: Those that are over, by what had become of their contexts.
        waste_byte_seconds: Memory held for nothing since the start, by cause, until now: the
            contexts that still wait are in it.
    """

    model_config = ConfigDict(extra="ignore")

    replica: str
    uptime_s: float
    running: int
    waiting: int
    parked: list[ParkedKind]
    block_bytes: int
    device_blocks: dict[str, int]
    host_blocks: dict[str, int] | None
    intercepted: int
    resumed: dict[str, int]
    waste_byte_seconds: dict[str, float]

    @classmethod
    def of(cls, snapshot: Mapping[str, Any], *, replica: str, uptime_s: float) -> Self:
        """From what the engine says of itself."""
        totals, levels = snapshot["totals"], snapshot["levels"]
        host = levels["host_blocks"]
        return cls(
            replica=replica,
            uptime_s=uptime_s,
            running=snapshot["running"],
            waiting=snapshot["waiting"],
            parked=_by_kind(snapshot["parked"].values()),
            block_bytes=snapshot["block_bytes"],
            device_blocks=levels["device_blocks"],
            host_blocks=host if any(host.values()) else None,
            intercepted=int(totals["parks"][""]),
            resumed=_resumed(snapshot["telemetry"]),
            waste_byte_seconds=totals["waste_byte_seconds"],
        )

    @property
    def parked_requests(self) -> int:
        """How many are parked, of all kinds."""
        return sum(kind.requests for kind in self.parked)


class DeploymentStatus(BaseModel):
    """One deployment, as Ray Serve sees it.

    Attributes:
        name: The engine's, or an augmentation's.
        status: ``HEALTHY``, ``UPDATING``, ``UNHEALTHY`` and the like.
        replicas: Number of replicas by their state.
        message: Why it is not healthy, if it is not.
    """

    model_config = ConfigDict(extra="ignore")

    name: str
    status: str
    replicas: dict[str, int]
    message: str = ""


class ServerStatus(BaseModel):
    """A whole application.

    Attributes:
        application: Ray Serve's name of it.
        model: The model's name in the API.
        policy: What decides about waiting contexts.
        deployments: All of them; empty if Ray Serve's controller did not say.
        engines: Those that answered.
        silent: Engines that did not answer in time.
    """

    model_config = ConfigDict(extra="ignore")

    application: str
    model: str
    policy: str
    deployments: list[DeploymentStatus]
    engines: list[EngineStatus]
    silent: int = 0


def _resumed(telemetry: Mapping[str, int]) -> dict[str, int]:
    preserved, swapped = telemetry["resumed_preserved"], telemetry["resumed_swapped"]
    discarded = telemetry["resumed"] - preserved - swapped
    return {"preserved": preserved, "swapped": swapped, "discarded": discarded}


def _by_kind(parked: Any) -> list[ParkedKind]:
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for one in parked:
        kinds.setdefault(one["kind"] or "", []).append(one)
    found = [
        ParkedKind(
            kind=kind,
            requests=len(members),
            longest_s=max(one["parked_s"] for one in members),
            context_tokens=sum(one["context_tokens"] for one in members),
            dispositions=Counter(one["disposition"] for one in members),
        )
        for kind, members in kinds.items()
    ]
    return sorted(found, key=lambda kind: -kind.longest_s)
