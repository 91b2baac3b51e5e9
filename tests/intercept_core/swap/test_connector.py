"""The connector counts the reports of all workers, and refuses what it cannot serve."""

import dataclasses

import pytest
import torch
from modelless import Kind, make
from vllm.distributed.kv_transfer.kv_connector.v1.base import KVConnectorRole
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.kv_cache_interface import (
    KVCacheSpec,
    SlidingWindowSpec,
    UniformTypeKVCacheSpecs,
)
from vllm.v1.outputs import KVConnectorOutput

from intercept_core.scheduler.mixin import InterceptMixin
from intercept_core.swap.block_copy import BlockCopy, CopyOrders, CopyReports
from intercept_core.swap.connector import InterceptConnector
from intercept_core.swap.copy_backend import CopyBackend, DoneCopy

KIND = Kind(
    policy="adaptive",
    asynchronous=False,
    runner_v2=False,
    depth=0,
    caching=True,
    device_blocks=20,
    host_blocks=12,
)


@pytest.fixture(scope="module")
def scheduler() -> InterceptMixin:
    return make(KIND, lambda: 0.0)


def connector(scheduler: InterceptMixin, workers: int = 1) -> InterceptConnector:
    made = InterceptConnector(
        scheduler.vllm_config, KVConnectorRole.SCHEDULER, scheduler.kv_cache_config
    )
    made._workers = workers
    return made


def copy(copy_id: int) -> BlockCopy:
    return BlockCopy(copy_id=copy_id, to_host=True, device_blocks=(1,), host_blocks=(2,))


def report(of: InterceptConnector, workers: dict[int, int], seconds: float = 1.0) -> None:
    reports = CopyReports(workers=workers, seconds=dict.fromkeys(workers, seconds))
    of.update_connector_output(KVConnectorOutput(kv_connector_worker_meta=reports))


def test_a_copy_has_ended_when_all_workers_say_so(scheduler: InterceptMixin) -> None:
    ours = connector(scheduler, workers=3)
    ours.order(copy(1))
    ours.order(copy(2))
    report(ours, {1: 2}, 0.5)
    assert ours.take_finished() == []
    report(ours, {2: 3}, 0.25)
    assert ours.take_finished() == [(2, 0.25)]
    assert ours.has_pending_push_work()
    report(ours, {1: 1}, 0.125)
    # The slowest worker's time counts, in whichever iteration it came.
    assert ours.take_finished() == [(1, 0.5)]
    assert not ours.has_pending_push_work()


def test_the_answers_of_workers_are_joined() -> None:
    first = CopyReports(workers={1: 1, 2: 1}, seconds={1: 0.5, 2: 0.1})
    second = CopyReports(workers={1: 1, 3: 1}, seconds={1: 0.7, 3: 0.2})
    joined = first.aggregate(second)
    assert joined.workers == {1: 2, 2: 1, 3: 1}
    assert joined.seconds == {1: 0.7, 2: 0.1, 3: 0.2}


def test_other_connectors_outputs_are_no_reports(scheduler: InterceptMixin) -> None:
    ours = connector(scheduler)
    ours.order(copy(1))
    ours.update_connector_output(KVConnectorOutput())
    assert ours.take_finished() == []


@pytest.mark.parametrize("wait", [False, True])
def test_orders_go_out_once(scheduler: InterceptMixin, wait: bool) -> None:
    ours = connector(scheduler)
    ours.wait = wait
    ours.order(copy(1))
    output = SchedulerOutput.make_empty()
    orders = ours.build_connector_meta(output)
    assert isinstance(orders, CopyOrders)
    assert [order.copy_id for order in orders.copies] == [1]
    assert orders.wait == wait
    empty = ours.build_connector_meta(output)
    assert isinstance(empty, CopyOrders)
    # Without copies there is nothing to wait for.
    assert (empty.copies, empty.wait) == ([], False)


def test_nothing_is_ever_found_in_it(scheduler: InterceptMixin) -> None:
    """vLLM must not load by itself: contexts are brought back by the scheduler."""
    ours = connector(scheduler)
    assert ours.get_num_new_matched_tokens(None, 0) == (0, False)  # type: ignore[arg-type]
    assert ours.request_finished(None, [1, 2]) == (False, None)  # type: ignore[arg-type]
    assert not ours.requires_kv_delivery


def test_a_worker_without_a_cache_has_nothing_to_report(scheduler: InterceptMixin) -> None:
    assert connector(scheduler).build_connector_worker_meta() is None


class FakeFailedCopies(CopyBackend):
    """One whose first copy has failed."""

    lanes = 1

    def start(self, copies: list[BlockCopy]) -> None:
        pass

    def poll(self) -> list[DoneCopy]:
        raise RuntimeError("a copy failed")

    def wait(self) -> None:
        raise RuntimeError("a copy failed")

    def close(self) -> None:
        pass


def test_a_failed_copy_ends_the_iteration(scheduler: InterceptMixin) -> None:
    """vLLM takes errors of iterations for the engine's end, and tells all requests."""
    ours = connector(scheduler)
    ours._backend = FakeFailedCopies()
    ours.bind_connector_metadata(CopyOrders([copy(1)]))
    with pytest.raises(RuntimeError, match="a copy failed"):
        ours.build_connector_worker_meta()
    with pytest.raises(RuntimeError, match="a copy failed"):
        ours.bind_connector_metadata(CopyOrders([copy(2)], wait=True))


def test_one_thread_makes_all_copies_and_a_gpu_s_engines_one_each_way(
    scheduler: InterceptMixin, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connector(scheduler).lanes == 1
    monkeypatch.setattr(scheduler.vllm_config.device_config, "device_type", "cuda")
    assert connector(scheduler).lanes == 2


def test_a_bandwidth_is_each_way_s_own(
    scheduler: InterceptMixin, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = with_settings(scheduler, monkeypatch, host_memory_gib=1, bandwidth_gib_per_s=1)
    assert limited.lanes == 2


def test_several_kv_cache_groups_are_refused(scheduler: InterceptMixin) -> None:
    config = scheduler.kv_cache_config
    hybrid = dataclasses.replace(config, kv_cache_groups=config.kv_cache_groups * 2)
    with pytest.raises(ValueError, match=r"one KV cache group, and this model has 2"):
        InterceptConnector(scheduler.vllm_config, KVConnectorRole.SCHEDULER, hybrid)


@pytest.mark.parametrize("of_each_layer", [False, True])
def test_layers_with_a_window_are_refused(
    scheduler: InterceptMixin, of_each_layer: bool
) -> None:
    config = scheduler.kv_cache_config
    (group,) = config.kv_cache_groups
    spec: KVCacheSpec = SlidingWindowSpec(
        block_size=16, num_kv_heads=1, head_size=1, dtype=torch.float32, sliding_window=64
    )
    if of_each_layer:
        spec = UniformTypeKVCacheSpecs(block_size=16, kv_cache_specs={"layer": spec})
    windowed = dataclasses.replace(
        config, kv_cache_groups=[dataclasses.replace(group, kv_cache_spec=spec)]
    )
    with pytest.raises(ValueError, match=r"attend to all of them, .* has SlidingWindowSpec"):
        InterceptConnector(scheduler.vllm_config, KVConnectorRole.SCHEDULER, windowed)


def test_pipeline_stages_are_refused(
    scheduler: InterceptMixin, monkeypatch: pytest.MonkeyPatch
) -> None:
    parallel = scheduler.vllm_config.parallel_config
    monkeypatch.setattr(parallel, "pipeline_parallel_size", 2)
    with pytest.raises(ValueError, match="pipeline_parallel_size: 2 stages"):
        connector(scheduler)


def with_settings(
    scheduler: InterceptMixin, monkeypatch: pytest.MonkeyPatch, **settings: float
) -> InterceptConnector:
    transfer = scheduler.vllm_config.kv_transfer_config
    monkeypatch.setattr(transfer, "kv_connector_extra_config", settings)
    return connector(scheduler)


def test_an_unknown_setting_is_refused(
    scheduler: InterceptMixin, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="host_memory"):
        with_settings(scheduler, monkeypatch, host_memory=1)


def test_a_worker_that_cannot_have_the_memory_says_so(
    scheduler: InterceptMixin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler's side takes none, and must not look: the worker may have taken it."""
    ours = with_settings(scheduler, monkeypatch, host_memory_gib=1e6)
    with pytest.raises(ValueError, match=r"more than the .* GiB of memory that this machine"):
        ours.register_kv_caches({})
