"""What a server holds at one moment, from what its engines say of themselves."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from deployments.status.report import ServerStatus

RESTING = frozenset({"free", "cached"})
"""States of blocks that no request holds."""

TIMEOUT_S = 30.0


class SilentEngineError(RuntimeError):
    """An engine did not say what it holds, as one that is busy for some seconds does not."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Requests and blocks, of all engines together.

    Attributes:
        running: Requests in the batch.
        waiting: Requests in vLLM's queues.
        parked: Requests that wait for an augmentation.
        questions: Questions that wait for a human.
        device: Blocks of the device by state.
        host: Blocks of the host pool by state.
    """

    running: int
    waiting: int
    parked: int
    questions: int = 0
    device: Mapping[str, int] = field(default_factory=dict)
    host: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, status: ServerStatus, questions: int = 0) -> "Levels":
        """Those that ``status`` tells.

        Raises:
            SilentEngineError: if an engine did not tell.
        """
        if status.silent:
            raise SilentEngineError(
                f"{status.silent} of the engines did not say what they hold"
            )
        device: Counter[str] = Counter()
        host: Counter[str] = Counter()
        for engine in status.engines:
            device.update(engine.device_blocks)
            host.update(engine.host_blocks or {})
        return cls(
            running=sum(engine.running for engine in status.engines),
            waiting=sum(engine.waiting for engine in status.engines),
            parked=sum(engine.parked_requests for engine in status.engines),
            questions=questions,
            device=device,
            host=host,
        )

    @property
    def held_blocks(self) -> int:
        """Blocks of device and host that somebody holds."""
        return sum(
            number
            for blocks in (self.device, self.host)
            for state, number in blocks.items()
            if state not in RESTING
        )

    @property
    def at_rest(self) -> bool:
        """Whether nothing runs, waits, is parked or held."""
        requests = self.running + self.waiting + self.parked + self.questions
        return requests == 0 and self.held_blocks == 0


def levels_at(url: str) -> Levels:
    """The levels of the server at ``url``.

    Raises:
        httpx.HTTPError: if it does not answer.
        SilentEngineError: if one of its engines does not.
    """
    with httpx.Client(base_url=url, timeout=TIMEOUT_S) as client:
        questions = client.get("/v1/interceptions").raise_for_status().json()["data"]
        status = client.get("/v1/status").raise_for_status().content
    return Levels.of(ServerStatus.model_validate_json(status), len(questions))
