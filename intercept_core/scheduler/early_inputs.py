"""Inputs of sessions that came before the stop which they answer."""

from collections import deque
from typing import TYPE_CHECKING

from vllm.v1.request import Request, RequestStatus, StreamingUpdate

if TYPE_CHECKING:
    from intercept_core.scheduler.mixin import InterceptMixin


class EarlyInputs:
    """Keeps them until the iteration with the stop has been processed.

    Upstream takes an input up in the midst of that. The output then lacks its stop reason, and
    a request that had been preempted meanwhile leaves the queue that it has just entered, for
    ever; nor would the V2 model runner hear that its slot is free.
    """

    def __init__(self) -> None:
        self._queues: list[tuple[Request, deque[StreamingUpdate | None]]] = []

    def set_aside(self, session: Request) -> None:
        """Lets ``session`` park as if no input were there, unless it ends."""
        if session.resumable and session.streaming_queue:
            self._queues.append((session, session.streaming_queue))
            session.streaming_queue = deque()

    def take_up(self, scheduler: "InterceptMixin") -> None:
        """Resumes the sessions whose input was set aside."""
        queues, self._queues = self._queues, []
        for session, queue in queues:
            update = queue.popleft()
            session.streaming_queue = queue
            if update is None:
                scheduler.finish_requests(session.request_id, RequestStatus.FINISHED_ABORTED)
            else:
                scheduler._update_request_as_session(session, update)
