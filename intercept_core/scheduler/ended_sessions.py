"""Sessions that the scheduler ended before their client said it was done."""

from collections import OrderedDict


class EndedSessions:
    """A bounded set of request ids, oldest forgotten first.

    AsyncLLM closes every session with one last message. For a session that has ended that
    message would start a new request of one token: it is recognised here and dropped.
    """

    def __init__(self, capacity: int = 65_536) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._capacity = capacity

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, request_id: str) -> None:
        """Remembers an ended session."""
        self._ids[request_id] = None
        if len(self._ids) > self._capacity:
            self._ids.popitem(last=False)

    def discard(self, request_id: str) -> None:
        """Forgets it: its closing message has come."""
        self._ids.pop(request_id, None)
