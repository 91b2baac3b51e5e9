"""A fake GPU whose memory is the machine's: copies are real, streams and events are not."""

import ctypes
import threading
from dataclasses import dataclass, field
from typing import Any

from intercept_core.swap.gpu import Gpu

MS_PER_DESCRIPTOR = {1: 2.0, 3: 5.0}
"""Time of copies out and back, which are told apart by how they read their source."""


@dataclass(eq=False)
class FakeEvent:
    gpu: "FakeGpu"
    at_ms: float | None = None

    def record(self, stream: "FakeStream") -> None:
        self.at_ms = self.gpu.now_ms
        stream.log.append(("record", self))

    def query(self) -> bool:
        assert self.at_ms is not None, "an event that was never recorded counts as reached"
        return not self.gpu.hangs

    def elapsed_time(self, end: "FakeEvent") -> float:
        assert self.at_ms is not None and end.at_ms is not None
        return end.at_ms - self.at_ms


@dataclass(eq=False)
class FakeStream:
    """Does its work at once, and keeps a list of it."""

    cuda_stream: int
    log: list[tuple[str, Any]] = field(default_factory=list)

    def wait_event(self, event: FakeEvent) -> None:
        assert event.at_ms is not None
        self.log.append(("wait", event))


class FakeGpu(Gpu):
    """Streams, events, and the driver's entry point for many copies at a time.

    Attributes:
        hangs: Nothing ends.
        error: What the driver answers to copies.
        may_copy: Copies wait for it.
        copying: Set when one has begun to.
        launching: The thread that entered.
    """

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.hangs = False
        self.error = 0
        self.thread_error: Exception | None = None
        self.may_copy = threading.Event()
        self.may_copy.set()
        self.copying = threading.Event()
        self.launching: threading.Thread | None = None
        self.compute = FakeStream(0)
        self.sides: list[FakeStream] = []

    def side_stream(self) -> FakeStream:
        self.sides.append(FakeStream(len(self.sides) + 1))
        return self.sides[-1]

    def compute_stream(self) -> FakeStream:
        return self.compute

    def event(self) -> FakeEvent:
        return FakeEvent(self)

    def enter_thread(self) -> None:
        self.launching = threading.current_thread()
        if self.thread_error is not None:
            raise self.thread_error

    def batch_memcpy(
        self,
        targets: int,
        sources: int,
        sizes: int,
        count: int,
        attributes: int,
        attribute_indexes: Any,
        attribute_count: int,
        failed_index: Any,
        stream: int,
    ) -> int:
        """In the place of ``cuMemcpyBatchAsync``, with the same parameters."""
        self.copying.set()
        assert self.may_copy.wait(timeout=10)
        if self.error:
            return self.error
        array = ctypes.c_uint64 * count
        rows = zip(*(array.from_address(at) for at in (targets, sources, sizes)), strict=True)
        for target, source, size in rows:
            ctypes.memmove(target, source, size)
        assert attribute_count == 1
        access_order = ctypes.c_uint.from_address(attributes).value
        self.now_ms += MS_PER_DESCRIPTOR[access_order] * count
        self.sides[stream - 1].log.append(("copy", access_order))
        return 0
