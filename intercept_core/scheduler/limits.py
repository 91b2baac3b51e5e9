"""How much of the device parked contexts may hold, and how long a context may be."""

import logging
from typing import TYPE_CHECKING

from vllm.v1.request import Request

if TYPE_CHECKING:
    from intercept_core.scheduler.mixin import InterceptMixin

logger = logging.getLogger(__name__)


class Limits:
    """The bounds that hold for every session.

    Args:
        scheduler: Ours.
        parked_share: Share of the device's blocks that parked contexts may hold, 0 to 1.

    Attributes:
        parked_blocks: Device blocks that parked contexts may hold.
    """

    def __init__(self, scheduler: "InterceptMixin", parked_share: float) -> None:
        self._scheduler = scheduler
        blocks = scheduler.kv_cache_manager.block_pool.num_gpu_blocks - 1  # one is no memory
        self.parked_blocks = int(parked_share * blocks)

    def release_excess(self) -> None:
        """Takes device blocks of parked contexts until they hold no more than they may.

        First those that the host has too, then the ends of the contexts of least worth. A
        block counts once, however many of them share it.
        """
        scheduler = self._scheduler
        parked, held = scheduler.parked, scheduler.device.parked
        while (excess := len(held) - self.parked_blocks) > 0:
            before = len(held)
            if (spare := parked.spare_victim()) is not None:
                keep = max(spare.device_blocks - excess, spare.first_host_block)
                scheduler.device.shrink(spare, keep)
            elif (victim := parked.victim()) is not None:
                scheduler.cut(victim, max(victim.device_blocks - excess, 0))
            else:
                return
            scheduler.telemetry.blocks_over_limit += before - len(held)

    def fitting(self, session: Request, token_ids: list[int]) -> list[int]:
        """The head of an input for which a context has room.

        One place is left for the token that ends the session with a length stop. What the
        model takes the cache can hold: vLLM does not start otherwise.
        """
        longest = self._scheduler.max_model_len
        room = max(longest - 1 - session.num_tokens, 0)
        if len(token_ids) <= room:
            return token_ids
        logger.warning(
            "session %s: input of %d tokens cut to %d, the rest of max_model_len=%d",
            session.request_id,
            len(token_ids),
            room,
            longest,
        )
        self._scheduler.telemetry.truncated_inputs += 1
        return token_ids[:room]
