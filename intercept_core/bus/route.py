"""How the calls of one kind travel."""

import math
from dataclasses import dataclass

from intercept_core.bus.transport import BusTransport


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where calls of one kind go and how long they may take.

    Attributes:
        transport: Carries the calls; several routes may share one.
        timeout_s: The deadline of a dispatch over all its attempts, in seconds.
        ends_on_timeout: Whether a request whose call misses the deadline ends, instead of
            going on with an error text.
        lease_s: Seconds after which a worker that hears nothing drops the work. Renewals
            go out every third of it.
        max_attempts: How often a call may be sent at most; 1 means never again.
        retry: Whether a call that may have begun may be sent again. One that was refused
            before it began always may.
        result_limit_tokens: Longest result in tokens of the model; any length if None.
        typical_s: A usual call's seconds, for the scheduler; None if nobody has said.

    Raises:
        ValueError: if a time is not positive and finite or there is no attempt.
    """

    transport: BusTransport
    timeout_s: float
    lease_s: float
    max_attempts: int = 2
    retry: bool = True
    result_limit_tokens: int | None = None
    typical_s: float | None = None
    ends_on_timeout: bool = False

    def __post_init__(self) -> None:
        for field in ("timeout_s", "lease_s"):
            seconds = getattr(self, field)
            if not (math.isfinite(seconds) and seconds > 0):
                raise ValueError(
                    f"{field}={seconds}: must be a positive, finite number of seconds"
                )
        if self.max_attempts < 1:
            raise ValueError(
                f"max_attempts={self.max_attempts}: must be at least 1; 1 turns retries off"
            )
