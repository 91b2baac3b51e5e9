"""What a bus has done since it was made."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class BusStats:
    """Counters of one bus; they only grow.

    A dispatch that has ended is counted once in ``succeeded``, ``failed`` or ``abandoned``.

    Attributes:
        dispatched: Calls that were asked for.
        succeeded: Dispatches that ended with a result.
        failed: Dispatches that ended with an error, by its code.
        abandoned: Dispatches whose caller went away before the end.
        retried: Attempts after the first.
        dropped_events: Events that did not belong to the attempt in hand, or came twice.
    """

    dispatched: int = 0
    succeeded: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    abandoned: int = 0
    retried: int = 0
    dropped_events: int = 0
