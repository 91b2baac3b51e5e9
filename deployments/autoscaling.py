"""How numbers of replicas follow the load."""

from typing import Any, TypeVar

from pydantic import Field, PositiveFloat, PositiveInt, ValidationInfo, field_validator

from deployments.section import Section

DEFAULT_SURGE_PERCENT = 25
"""New replicas that an update starts before it stops old ones, in percent of their number,
rounded up: one at least."""

_Range = TypeVar("_Range", bound="ReplicaRange")


class ReplicaRange(Section):
    """Between which numbers Ray Serve moves, and how fast.

    Attributes:
        min_replicas: Never fewer than this.
        max_replicas: Never more than this.
        upscale_delay_s: Seconds of high load before a replica is added.
        downscale_delay_s: Seconds of low load before a replica is removed.
    """

    min_replicas: PositiveInt = 1
    max_replicas: PositiveInt
    upscale_delay_s: PositiveFloat = 30.0
    downscale_delay_s: PositiveFloat = 600.0

    @field_validator("max_replicas")
    @classmethod
    def _above_the_least(cls, most: int, info: ValidationInfo) -> int:
        least = info.data.get("min_replicas", 1)
        if most < least:
            raise ValueError(f"is less than min_replicas ({least}); raise it or lower that")
        return most

    def serve_config(self, target_ongoing_requests: float) -> dict[str, Any]:
        """As Ray Serve takes it, which counts what runs and what waits at a replica."""
        return {
            "min_replicas": self.min_replicas,
            "max_replicas": self.max_replicas,
            "upscale_delay_s": self.upscale_delay_s,
            "downscale_delay_s": self.downscale_delay_s,
            "target_ongoing_requests": target_ongoing_requests,
        }


class AutoscalingSection(ReplicaRange):
    """How the number of engines follows the load.

    Attributes:
        target_ongoing_requests: Requests at one engine that are just right, those that wait
            for augmentations included.
    """

    target_ongoing_requests: PositiveFloat


class PoolAutoscalingSection(ReplicaRange):
    """How the number of workers of an augmentation follows the length of their queues.

    Attributes:
        target_queue_length: Calls that wait at one worker, on average, beside the
            ``concurrency`` that run there, when there are just enough workers.
    """

    target_queue_length: float = Field(default=1.0, ge=0)


def refuse_both(autoscaling: _Range | None, info: ValidationInfo) -> _Range | None:
    """Refuses a range beside a fixed number: one of the two would be ignored.

    Raises:
        ValueError: naming both.
    """
    number = info.data.get("num_replicas", 1)
    if autoscaling is not None and number != 1:
        raise ValueError(
            f"cannot be combined with num_replicas ({number}); drop one of the two, e.g. "
            f"autoscaling: {{min_replicas: {number}, ...}} starts from that number"
        )
    return autoscaling
