"""The optimizer's one piece of mathematics, and that it descends."""

import pytest
import torch

from deployments.models.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(16, 16), (8, 32), (32, 8)])
def test_singular_values_come_close_to_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
    assert values.min() > 0.5 and values.max() < 1.5


def test_it_descends() -> None:
    torch.manual_seed(0)
    matrix, target = torch.nn.Parameter(torch.zeros(8, 8)), torch.randn(8, 8)
    optimizer = Muon([matrix], lr=0.02)
    losses = []
    for _ in range(300):
        loss = (matrix - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
