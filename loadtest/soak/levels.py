"""What a server holds at one moment, from its Prometheus metrics."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families

RESTING = frozenset({"free", "cached"})
"""States of blocks that no request holds."""

TIMEOUT_S = 30.0


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
    def parse(cls, metrics: str, questions: int = 0) -> "Levels":
        """Those in the text of ``/metrics``."""
        totals: dict[tuple[str, str], float] = defaultdict(float)
        for family in text_string_to_metric_families(metrics):
            for sample in family.samples:
                totals[sample.name, sample.labels.get("state", "")] += sample.value

        def level(name: str) -> int:
            return int(totals[name, ""])

        def blocks(name: str) -> dict[str, int]:
            return {state: int(n) for (found, state), n in totals.items() if found == name}

        return cls(
            running=level("vllm:num_requests_running"),
            waiting=level("vllm:num_requests_waiting"),
            parked=level("infercept_parked_requests"),
            questions=questions,
            device=blocks("infercept_device_blocks"),
            host=blocks("infercept_host_blocks"),
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
    """
    with httpx.Client(base_url=url, timeout=TIMEOUT_S, follow_redirects=True) as client:
        questions = client.get("/v1/interceptions").raise_for_status().json()["data"]
        metrics = client.get("/metrics/").raise_for_status().text
    return Levels.parse(metrics, len(questions))
