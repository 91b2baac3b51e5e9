"""The intercepted requests, kept outside the scheduler's own queues."""

from collections.abc import Iterator
from dataclasses import dataclass

from vllm.v1.request import Request

from intercept_core.policy.types import Disposition, ParkedContext


@dataclass(slots=True, kw_only=True)
class Parked:
    """A request between its interception and its resume.

    Attributes:
        request: vLLM's request.
        key: The session's name outside the engine.
        since_s: When it was parked (the scheduler's clock).
        context_tokens: Tokens whose KV was computed at that moment.
        disposition: What was decided last.
        eta_s: Expected time of the result (the scheduler's clock); None when unknown.
        kind: The augmentation it waits for; None until reported.
    """

    request: Request
    key: str
    since_s: float
    context_tokens: int
    disposition: Disposition = Disposition.PRESERVE
    eta_s: float | None = None
    kind: str | None = None

    def view(self, device_blocks: int) -> ParkedContext:
        """What a policy may see of it."""
        return ParkedContext(
            request_id=self.request.request_id,
            disposition=self.disposition,
            kind=self.kind,
            context_tokens=self.context_tokens,
            device_blocks=device_blocks,
            arrival_s=self.request.arrival_time,
            parked_s=self.since_s,
            eta_s=self.eta_s,
        )


class ParkTable:
    """Parked requests by engine id and by session key."""

    def __init__(self) -> None:
        self._by_id: dict[str, Parked] = {}
        self._id_of_key: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Parked]:
        return iter(self._by_id.values())

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._by_id

    def get(self, request_id: str) -> Parked | None:
        """The parked request of this engine id, or None."""
        return self._by_id.get(request_id)

    def add(self, parked: Parked) -> None:
        """Parks a request that is not parked yet."""
        request_id = parked.request.request_id
        assert request_id not in self._by_id, f"{request_id} is parked already"
        self._by_id[request_id] = parked
        self._id_of_key[parked.key] = request_id

    def pop(self, request_id: str) -> Parked | None:
        """Takes a request out; None if it is not parked."""
        parked = self._by_id.pop(request_id, None)
        if parked is not None:
            self._id_of_key.pop(parked.key, None)
        return parked

    def report(self, key: str, *, eta_s: float | None = None, kind: str | None = None) -> bool:
        """Notes what the bus knows of session ``key``; False if it is not parked."""
        parked = self._by_id.get(self._id_of_key.get(key, ""))
        if parked is None:
            return False
        parked.eta_s = eta_s
        parked.kind = kind or parked.kind
        return True

    def victim(self) -> Parked | None:
        """Whose context memory pressure takes first, or None if nobody holds one.

        The one expected back last loses least by a recompute that starts later; without an
        estimate it may be a human, so it counts as later than any estimate. Ties go against
        the latest arrival.
        """
        held = [parked for parked in self if parked.disposition is Disposition.PRESERVE]
        return max(
            held,
            key=lambda parked: (
                parked.eta_s is None,
                parked.eta_s or 0.0,
                parked.request.arrival_time,
            ),
            default=None,
        )
