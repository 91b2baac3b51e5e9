"""Who is told what a bus does, as it happens."""

from typing import Protocol


class BusObserver(Protocol):
    """Takes note of calls; its methods are called on the bus's loop and must not wait."""

    def began(self, kind: str, seconds: float) -> None:
        """A worker has begun a call, so long after it was dispatched."""

    def retried(self, kind: str) -> None:
        """A call goes out once more."""

    def ended(self, kind: str, outcome: str) -> None:
        """A call is over.

        Args:
            kind: The augmentation; :data:`UNKNOWN` for a name that none has.
            outcome: :data:`SUCCEEDED`, :data:`ABANDONED` or the code of the failure.
        """


SUCCEEDED = "succeeded"
"""The outcome of a call with a result."""

ABANDONED = "abandoned"
"""The outcome of a call whose caller went away before its end."""

UNKNOWN = "unknown"
"""The kind of calls that name no augmentation: what models make up is no label."""


class Unobserved:
    """Takes note of nothing."""

    def began(self, kind: str, seconds: float) -> None:
        """See :class:`BusObserver`."""

    def retried(self, kind: str) -> None:
        """See :class:`BusObserver`."""

    def ended(self, kind: str, outcome: str) -> None:
        """See :class:`BusObserver`."""
