"""Taking memory from waiting contexts before a running request loses its own."""

from collections.abc import Callable
from typing import Any

from vllm.v1.request import Request

AllocateSlots = Callable[..., Any]


def reclaiming(
    allocate_slots: AllocateSlots, reclaim_one: Callable[[Request], bool]
) -> AllocateSlots:
    """Wraps ``KVCacheManager.allocate_slots`` so that a refusal is tried again.

    vLLM preempts a running request when ``allocate_slots`` returns None. The wrapped one
    returns None only when ``reclaim_one`` has nothing left to free.
    """

    def allocate_or_reclaim(request: Request, *args: Any, **kwargs: Any) -> Any:
        blocks = allocate_slots(request, *args, **kwargs)
        while blocks is None and reclaim_one(request):
            blocks = allocate_slots(request, *args, **kwargs)
        return blocks

    return allocate_or_reclaim
