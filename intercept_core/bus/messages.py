"""What travels between an LLM replica and an augmentation, the only such types.

Every message is a frozen dataclass, so both ends share one definition and no dict crosses
a process boundary. A caller sends one :class:`Call` and reads :data:`Event` objects until
the first terminal one (:class:`Result` or :class:`Failed`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

PROTOCOL_VERSION = 1
"""Raised when a field changes meaning; workers refuse a call of another version."""

FAILURE_CODES = (
    *("bad_arguments", "unknown_tool", "tool_error", "deadline", "lease_expired"),
    *("queue_full", "worker_lost", "cancelled", "protocol", "internal"),
)
"""What :attr:`Failed.code` may be; an augmentation may have words of its own beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A worker has taken the call; its lease runs from now.

    Attributes:
        worker: Address of the worker within its deployment; renewals and cancellations of
            this attempt go there.
    """

    call_id: str
    attempt: int
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The work goes on.

    Attributes:
        fraction: Share of the work done, 0 to 1; None when unknown.
        eta_s: Expected seconds until the result, from the moment of sending; None when unknown.
    """

    call_id: str
    attempt: int
    fraction: float | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file that a call has made, in the server's artifact store.

    Attributes:
        name: Under which the store keeps it and clients fetch it.
        content_type: Media type, as HTTP says it.
        size_bytes: Length of the file.
    """

    name: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The call succeeded; ``text`` is what the model reads.

    Attributes:
        truncated: Whether ``text`` was cut to the size limit of results.
        artifacts: Files that the call has made, for the client.
    """

    call_id: str
    attempt: int
    text: str
    truncated: bool = False
    artifacts: tuple[Artifact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The call failed; ``message`` says why in words that the model and the user may read.

    Attributes:
        code: A stable word for programs, one of :data:`FAILURE_CODES`.
        retryable: Whether the same call may succeed when it is sent again.
    """

    call_id: str
    attempt: int
    code: str
    message: str
    retryable: bool = False


Event = Accepted | Progress | Result | Failed
Outcome = Result | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One interception's work, as sent to an augmentation.

    Attributes:
        call_id: Unique for this interception; the same for every attempt.
        request_id: The vLLM request that waits for the result.
        session_id: Key of state that an augmentation keeps between calls of one
            conversation (the page last retrieved, the game being played).
        kind: Name of the augmentation, e.g. ``calculator``.
        arguments: As the model wrote them; checked against the augmentation's JSON schema
            by the worker.
        timeout_s: The deadline, in seconds from the moment a worker receives the call.
            Relative, as in gRPC, because the clocks of two nodes differ.
        lease_s: Seconds without a renewal after which the worker drops the work: its
            caller is gone.
        attempt: 1 for the first try.
    """

    call_id: str
    request_id: str
    session_id: str
    kind: str
    arguments: Mapping[str, Any]
    timeout_s: float
    lease_s: float
    attempt: int = 1
    version: int = PROTOCOL_VERSION

    def accepted(self, worker: str) -> Accepted:
        """The event that says ``worker`` took this attempt."""
        return Accepted(call_id=self.call_id, attempt=self.attempt, worker=worker)

    def progress(self, fraction: float | None = None, eta_s: float | None = None) -> Progress:
        """An event that reports how far the work is."""
        return Progress(
            call_id=self.call_id, attempt=self.attempt, fraction=fraction, eta_s=eta_s
        )

    def result(
        self, text: str, *, truncated: bool = False, artifacts: Iterable[Artifact] = ()
    ) -> Result:
        """The event that ends this call with ``text``."""
        return Result(
            call_id=self.call_id,
            attempt=self.attempt,
            text=text,
            truncated=truncated,
            artifacts=tuple(artifacts),
        )

    def failed(self, code: str, message: str, *, retryable: bool = False) -> Failed:
        """The event that ends this attempt with an error."""
        return Failed(
            call_id=self.call_id,
            attempt=self.attempt,
            code=code,
            message=message,
            retryable=retryable,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """Keeps the leases of these calls alive for another ``lease_s`` seconds."""

    worker: str
    call_ids: tuple[str, ...]
    lease_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """Asks ``worker`` to drop one call."""

    worker: str
    call_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EtaReport:
    """What the scheduler is told about one parked request.

    Attributes:
        request_id: As given to the bus with the call.
        kind: The augmentation it waits for.
        eta_s: Expected seconds until the result, at the time of the report; None when
            unknown.
        fraction: Share of the work done, 0 to 1; None when unknown.
        typical_s: What the augmentation declares as a usual call's seconds, if it does.
        argument_chars: Length of the call's arguments as JSON.
    """

    request_id: str
    kind: str
    eta_s: float | None
    fraction: float | None
    typical_s: float | None = None
    argument_chars: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call that waits for somebody's answer.

    Attributes:
        arguments: As the model wrote them.
        waiting_s: Seconds since it was asked.
        remaining_s: Seconds until its deadline.
    """

    call_id: str
    session_id: str
    kind: str
    arguments: Mapping[str, Any]
    waiting_s: float
    remaining_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What somebody says to the question of one call."""

    call_id: str
    text: str


Receipt = Literal["taken", "answered", "unknown"]
"""What a worker says to an answer: it went to the call, another came before it, or there is no
such question here."""
