"""Copies take their time, one after the other on each way."""

from types import SimpleNamespace
from typing import Any

import pytest
from vllm.v1.outputs import ModelRunnerOutput

from intercept_core.policy.cost_model import LinearCostModel
from intercept_core.swap.block_copy import BlockCopy, CopyOrders
from loadtest.simulator.fake_copies import FakeCopies

A_SECOND_A_BLOCK = LinearCostModel(block_out_s=1.0, block_in_s=1.0)


def copy(copy_id: int, to_host: bool, blocks: int) -> BlockCopy:
    numbers = tuple(range(blocks))
    return BlockCopy(
        copy_id=copy_id, to_host=to_host, device_blocks=numbers, host_blocks=numbers
    )


def start(copies: FakeCopies, now_s: float, *orders: BlockCopy, wait: bool = False) -> float:
    output: Any = SimpleNamespace(kv_connector_metadata=CopyOrders(list(orders), wait))
    return copies.start(output, now_s)


def ended(copies: FakeCopies, now_s: float) -> dict[int, float]:
    result = ModelRunnerOutput(req_ids=[], req_id_to_index={})
    copies.report(result, now_s)
    reports = result.kv_connector_output
    return {} if reports is None else reports.kv_connector_worker_meta.seconds


def test_copies_of_a_way_queue_and_the_ways_do_not() -> None:
    copies = FakeCopies(A_SECOND_A_BLOCK)
    assert start(copies, 10.0, copy(1, True, 2), copy(2, True, 3), copy(3, False, 4)) == 10.0
    assert copies.next_end_s == 12.0
    assert ended(copies, 11.0) == {}
    assert ended(copies, 14.0) == {1: pytest.approx(2.0), 3: pytest.approx(4.0)}
    assert ended(copies, 15.0) == {2: pytest.approx(3.0)}
    assert copies.next_end_s == float("inf")


def test_an_iteration_may_wait_for_its_copies() -> None:
    copies = FakeCopies(A_SECOND_A_BLOCK)
    assert start(copies, 10.0, copy(1, True, 2), copy(2, False, 3), wait=True) == 13.0


@pytest.mark.parametrize("seed", range(8))
def test_contents_move_at_one_moment_before_the_report(seed: int) -> None:
    made: list[int] = []
    oracle: Any = SimpleNamespace(copy=lambda order: made.append(order.copy_id))
    copies = FakeCopies(A_SECOND_A_BLOCK, oracle, seed)
    start(copies, 0.0, *(copy(number, True, 1) for number in range(10)))
    early = list(made)
    assert len(ended(copies, 10.0)) == 10
    assert sorted(made) == list(range(10))
    assert 0 < len(early) < 10 or seed
