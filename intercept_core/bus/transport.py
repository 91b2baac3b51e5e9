"""The extension point of the bus: what carries calls to augmentations and events back."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator

from intercept_core.bus.messages import Call, Cancellation, Event, Renewal


class BusTransport(ABC):
    """Carries messages between the bus and the workers of one or more kinds.

    A transport moves messages and nothing else: deadlines, retries, leases and the removal
    of stale events belong to :class:`~intercept_core.bus.bus.InterceptBus`.
    """

    @abstractmethod
    def submit(self, call: Call) -> AsyncGenerator[Event, None]:
        """Sends ``call`` to a worker and yields what the worker reports.

        Closing the generator, or cancelling the task that iterates it, cancels the remote
        work and returns promptly.

        Yields:
            The worker's events. What goes wrong on the way is a ``Failed`` event and never
            an exception: ``worker_lost`` (retryable) when the worker or the road to it is
            gone, ``queue_full`` (retryable) when nobody has room, ``unknown_tool`` when
            nobody serves the kind.
        """

    @abstractmethod
    async def renew(self, kind: str, renewal: Renewal) -> None:
        """Extends leases at the worker that holds them.

        May raise anything: the bus sets the deadline, logs the error and goes on, because a
        lost renewal is repaired by the next.
        """

    @abstractmethod
    async def cancel(self, kind: str, cancellation: Cancellation) -> None:
        """Asks one worker to drop one call; a call it does not know is no error."""

    @abstractmethod
    async def close(self) -> None:
        """Stops what the transport does in the background; safe to call twice."""
