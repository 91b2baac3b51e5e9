"""Batches: padded right, packed by length, never above their limits."""

from random import Random

import torch

from deployments.models.batches import packed, padded
from deployments.models.encoding import IGNORED, Example


def test_padding_is_ignored() -> None:
    ids, labels = padded([Example([5, 6], [IGNORED, 6]), Example([7], [7])], pad_id=0)
    assert torch.equal(ids, torch.tensor([[5, 6], [7, 0]]))
    assert torch.equal(labels, torch.tensor([[IGNORED, 6], [7, IGNORED]]))


def test_batches_keep_their_limits_and_lose_nothing() -> None:
    lengths = [3, 50, 8, 12, 40, 7, 9, 31, 30, 100]
    examples = iter([Example([n] * n, [n] * n) for n in lengths])
    batches = packed(lambda: next(examples), Random(0), pool=10, batch_tokens=60, max_tokens=64)
    seen: list[int] = []
    while len(seen) < 9:
        batch = next(batches)
        sizes = [len(example.ids) for example in batch]
        assert len(sizes) * max(sizes) <= 60
        seen += sizes
    assert sorted(seen) == sorted(n for n in lengths if n <= 64)
