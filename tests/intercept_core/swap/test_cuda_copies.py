"""The CUDA backend on a fake GPU: vLLM's descriptors, real bytes, no driver."""

import threading
import weakref
from collections.abc import Callable, Iterator

import pytest
import torch
from copied_memory import Memory, a_copy, check_there_and_back, make_memory
from fake_gpu import MS_PER_DESCRIPTOR, FakeGpu
from vllm.v1.simple_kv_offload import cuda_mem_ops

from intercept_core.swap.copy_backend import DoneCopy
from intercept_core.swap.cuda_copies import CudaCopies

STREAM, ANY = 1, 3
LONG_S = 30.0


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    made = FakeGpu()
    # Where vLLM keeps the driver's entry point once it has found it.
    monkeypatch.setattr(cuda_mem_ops, "_batch_memcpy", (made.batch_memcpy, 1))
    return made


@pytest.fixture
def memory() -> Memory:
    return make_memory()


@pytest.fixture
def make(memory: Memory, gpu: FakeGpu) -> Iterator[Callable[..., CudaCopies]]:
    made = []

    def one(wait_s: float = LONG_S) -> CudaCopies:
        made.append(CudaCopies(*memory, gpu, wait_s))
        return made[-1]

    yield one
    gpu.may_copy.set()
    for copies in made:
        copies.close()


def test_there_and_back(memory: Memory, make: Callable[..., CudaCopies]) -> None:
    check_there_and_back(memory, make())


def test_each_way_is_timed_by_itself(make: Callable[..., CudaCopies]) -> None:
    copies = make()
    copies.start([a_copy(1, True, [0, 1], [0, 1]), a_copy(2, False, [4], [1])])
    copies.wait()
    regions = 2
    out_s = MS_PER_DESCRIPTOR[STREAM] * 2 * regions / 1e3
    back_s = MS_PER_DESCRIPTOR[ANY] * regions / 1e3
    assert copies.poll() == [
        DoneCopy(1, pytest.approx(out_s)),
        DoneCopy(2, pytest.approx(back_s)),
    ]


def test_a_copy_is_behind_what_was_computed(
    gpu: FakeGpu, make: Callable[..., CudaCopies]
) -> None:
    """Out of the cache, which may be written until then, only in the order of the stream."""
    copies = make()
    copies.start(
        [a_copy(1, True, [0], [0]), a_copy(2, False, [1], [1]), a_copy(3, True, [2], [2])]
    )
    copies.wait()
    ((kind, computed),) = gpu.compute.log
    assert kind == "record"
    out, back = gpu.sides
    of_one = ["wait", "record", "copy", "record"]
    assert [kind for kind, _ in out.log] == of_one * 2
    assert [kind for kind, _ in back.log] == of_one
    for stream, access_order in ((out, STREAM), (back, ANY)):
        assert {entry for kind, entry in stream.log if kind == "wait"} == {computed}
        assert {entry for kind, entry in stream.log if kind == "copy"} == {access_order}


def test_copies_are_made_in_order(memory: Memory, make: Callable[..., CudaCopies]) -> None:
    device, host = memory
    copies = make()
    copies.start([a_copy(i, True, [i], [1]) for i in range(6)])
    copies.wait()
    assert host[0][1].equal(device[0][5])
    assert [done.copy_id for done in copies.poll()] == list(range(6))


def test_what_has_not_ended_is_not_reported(
    gpu: FakeGpu, make: Callable[..., CudaCopies]
) -> None:
    copies = make(wait_s=0.0)
    gpu.hangs = True
    copies.start([a_copy(1, True, [0], [0]), a_copy(2, False, [1], [1])])
    assert copies.poll() == []
    with pytest.raises(RuntimeError, match=r"^2 copies of KV blocks have not ended within 0 s"):
        copies.wait()


def test_waiting_for_nothing_ends_at_once(make: Callable[..., CudaCopies]) -> None:
    copies = make(wait_s=0.0)
    copies.start([])
    copies.wait()
    assert copies.poll() == []


def test_a_failure_reaches_the_engine(gpu: FakeGpu, make: Callable[..., CudaCopies]) -> None:
    copies = make()
    gpu.error = 700
    copies.start([a_copy(1, True, [0], [0])])
    message = r"a copy of KV blocks failed: RuntimeError: batch memcpy failed: err=700"
    with pytest.raises(RuntimeError, match=message):
        copies.wait()
    gpu.error = 0
    copies.start([a_copy(2, True, [0], [0])])
    for _ in range(2):  # it is not forgotten because others succeed
        with pytest.raises(RuntimeError, match=message):
            copies.poll()


def test_a_device_that_no_thread_can_enter_is_a_failure(
    gpu: FakeGpu, make: Callable[..., CudaCopies]
) -> None:
    gpu.thread_error = OSError("no such device")
    copies = make()
    with pytest.raises(RuntimeError, match="initializer failed"):
        copies.start([a_copy(1, True, [0], [0])])
        copies.wait()


def test_closing_drops_what_has_not_begun(
    gpu: FakeGpu, memory: Memory, make: Callable[..., CudaCopies]
) -> None:
    _, host = memory
    copies = make()
    gpu.may_copy.clear()
    copies.start([a_copy(i, True, [i], [i]) for i in range(3)])
    assert gpu.copying.wait(timeout=10)
    copies.close()
    gpu.may_copy.set()
    assert isinstance(gpu.launching, threading.Thread)
    gpu.launching.join(timeout=10)
    assert not gpu.launching.is_alive()
    assert not host[0][0].eq(-1).any()
    assert host[0][1:].eq(-1).all()


def test_the_memory_lives_as_long_as_its_copies(gpu: FakeGpu) -> None:
    """Descriptors hold addresses, which keep nothing alive."""
    host = torch.zeros(2, 4, dtype=torch.int8)
    alive = weakref.ref(host)
    copies = CudaCopies([torch.zeros(2, 4, dtype=torch.int8)], [host], gpu)
    del host
    assert alive() is not None
    copies.close()
