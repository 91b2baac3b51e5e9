"""What copies need of a GPU's clockwork, apart so that all else runs without one."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from vllm.platforms import current_platform


class Gpu(ABC):
    """Streams and events, which behave as those of ``torch.cuda``."""

    @abstractmethod
    def side_stream(self) -> Any:
        """A new stream, which yields to computing."""

    @abstractmethod
    def compute_stream(self) -> Any:
        """The stream that forward passes are launched on."""

    @abstractmethod
    def event(self) -> Any:
        """A new event that notes the time."""

    @abstractmethod
    def enter_thread(self) -> None:
        """Makes the calling thread one of this device's."""


class CudaGpu(Gpu):
    """A CUDA device, or what ROCm makes look like one.

    Read against PyTorch 2.13 and vLLM's own backend, not run: there was no GPU at hand.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def side_stream(self) -> torch.cuda.Stream:
        least, _ = torch.cuda.Stream.priority_range()
        return torch.cuda.Stream(self._device, priority=least)

    def compute_stream(self) -> torch.cuda.Stream:
        return torch.cuda.current_stream(self._device)

    def event(self) -> torch.cuda.Event:
        return torch.cuda.Event(enable_timing=True)

    def enter_thread(self) -> None:
        # Not torch.cuda.set_device: the driver's calls need the context to be there already.
        current_platform.set_device(self._device)
