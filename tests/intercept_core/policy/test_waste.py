"""The paper's equations against numbers computed by hand."""

import pytest
from policy_facts import COST

from intercept_core.policy import waste
from intercept_core.policy.cost_model import LinearCostModel


def test_computing_again_costs_what_it_adds_to_an_iteration() -> None:
    # 10 + 50 ms instead of 10 + 30 ms.
    assert waste.recompute_s(20, 30, 300, COST) == pytest.approx(0.020)


def test_computing_again_reads_its_own_context_too() -> None:
    cost = LinearCostModel(iteration_s=0.01, token_s=0.001, context_token_s=0.0001)
    assert waste.recompute_s(20, 30, 300, cost) == pytest.approx(0.020 + 0.002)


def test_discard() -> None:
    # An iteration of 160 tokens takes 170 ms, in which 160 + 300 tokens are held.
    assert waste.discard(160, 300, COST) == pytest.approx(0.170 * 460)


def test_preserve() -> None:
    assert waste.preserve(160, 2.5) == pytest.approx(400)


def test_swap() -> None:
    # Ten blocks take 20 ms out and 20 ms in, and a batch of 30 tokens waits.
    assert waste.swap(10, 30, COST) == pytest.approx(2 * 0.020 * 30)


def test_chunked_discard() -> None:
    # 100 - 30 = 70 tokens fit: three chunks, the longest of 54 tokens takes 64 ms.
    expected = 0.170 * 80 + 3 * 0.064 * 300
    assert waste.chunked_discard(160, 30, 300, COST) == pytest.approx(expected)


def test_a_context_shorter_than_a_chunk_is_one_chunk() -> None:
    expected = 0.050 * 20 + 0.050 * 300
    assert waste.chunked_discard(40, 30, 300, COST) == pytest.approx(expected)


def test_beyond_saturation_chunks_are_of_one_token() -> None:
    expected = 0.015 * 2.5 + 5 * 0.011 * 7
    assert waste.chunked_discard(5, 200, 7, COST) == pytest.approx(expected)
