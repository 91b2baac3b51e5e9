"""How much an engine has to do, from what its process has last told."""

from collections.abc import Mapping
from dataclasses import dataclass

Levels = Mapping[str, Mapping[str, float]]
"""Metric to label to value, as in the scheduler's reports."""

_HELD = ("running", "preserved", "swapping")
"""States of device blocks that nobody else can have."""


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """One look at an engine.

    Attributes:
        active: Requests that generate or wait to; not those that wait for augmentations.
        parked: Requests that wait for augmentations.
        slots: Requests that can generate at a time.
        held_share: Share of the device's KV cache that contexts hold, parked ones included.
    """

    active: int
    parked: int
    slots: int
    held_share: float

    @classmethod
    def of(cls, requests: int, slots: int, levels: Levels) -> "EngineLoad":
        """From the requests that have not ended, and the levels of the last report; without
        one, as if no context held anything."""
        parked = int(sum(levels.get("parked_requests", {}).values()))
        blocks = levels.get("device_blocks", {})
        held = sum(blocks.get(state, 0) for state in _HELD)
        return cls(
            active=max(requests - parked, 0),
            parked=parked,
            slots=slots,
            held_share=held / max(sum(blocks.values()), 1),
        )
