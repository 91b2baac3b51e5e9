"""The extension point: who moves the bytes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from intercept_core.swap.block_copy import BlockCopy


@dataclass(frozen=True, slots=True)
class DoneCopy:
    """A finished copy.

    Attributes:
        copy_id: Which.
        seconds: From its start to its end.
    """

    copy_id: int
    seconds: float


class CopyBackend(ABC):
    """Copies blocks beside the forward pass."""

    @abstractmethod
    def start(self, copies: list[BlockCopy]) -> None:
        """Starts copies, after all forward passes launched so far."""

    @abstractmethod
    def poll(self) -> list[DoneCopy]:
        """The copies that have ended since the last call.

        Raises:
            RuntimeError: if a copy failed.
        """

    @abstractmethod
    def wait(self) -> None:
        """Waits until everything that was started has ended."""

    @abstractmethod
    def close(self) -> None:
        """Ends threads; copies under way may be lost."""
