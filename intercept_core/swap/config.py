"""What ``kv_connector_extra_config`` of the connector may hold."""

from pydantic import BaseModel, ConfigDict, Field


class SwapConfig(BaseModel):
    """Settings of the host pool.

    Attributes:
        host_memory_gib: Size of the pool of one replica, which its workers share.
        bandwidth_gib_per_s: Holds copies back to this bandwidth, each way and worker, so that
            a machine with fast copies can stand for one with slow ones; None for full speed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    host_memory_gib: float = Field(default=1.0, gt=0)
    bandwidth_gib_per_s: float | None = Field(default=None, gt=0)
