"""The extension point: who moves the bytes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from intercept_core.swap.block_copy import BlockCopy

WAIT_S = 120.0
"""Far longer than moving a pool takes, and shorter than vLLM lets an iteration last (300 s)."""


@dataclass(frozen=True, slots=True)
class DoneCopy:
    """A finished copy.

    Attributes:
        copy_id: Which.
        seconds: From its start to its end, without its wait for earlier ones.
    """

    copy_id: int
    seconds: float


class CopyBackend(ABC):
    """Copies blocks beside the forward pass.

    Attributes:
        lanes: 2 if copies out and copies back run beside each other, 1 if each copy waits for
            all earlier ones.
    """

    lanes: ClassVar[int]

    @abstractmethod
    def start(self, copies: list[BlockCopy]) -> None:
        """Starts copies, after all forward passes launched so far."""

    @abstractmethod
    def poll(self) -> list[DoneCopy]:
        """The copies that have ended since the last call.

        Raises:
            RuntimeError: if a copy failed; it ends the engine, and with it the requests, since
                a context on its way would be missed for ever.
        """

    @abstractmethod
    def wait(self) -> None:
        """Waits until everything that was started has ended.

        Raises:
            RuntimeError: as of ``poll``, and if that takes too long.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends threads; copies under way may be lost."""


def failed(error: BaseException) -> RuntimeError:
    """What ``poll`` and ``wait`` raise from the error of a copy."""
    return RuntimeError(f"a copy of KV blocks failed: {type(error).__name__}: {error}")


def overdue(copies: int, wait_s: float) -> RuntimeError:
    """What ``wait`` raises after its deadline."""
    return RuntimeError(
        f"{copies} copies of KV blocks have not ended within {wait_s:g} s: the device hangs, "
        "or the machine swaps its memory out; set host_memory_gib lower"
    )
