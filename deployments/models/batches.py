"""Endless batches of dialogues, packed by length."""

from collections.abc import Callable, Iterator
from random import Random

import torch

from deployments.models.encoding import IGNORED, Example


def padded(examples: list[Example], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels of ``examples`` as two tensors, padded on the right."""
    width = max(len(example.ids) for example in examples)
    ids = torch.full((len(examples), width), pad_id)
    labels = torch.full((len(examples), width), IGNORED)
    for row, example in enumerate(examples):
        ids[row, : len(example.ids)] = torch.tensor(example.ids)
        labels[row, : len(example.labels)] = torch.tensor(example.labels)
    return ids, labels


def packed(
    draw: Callable[[], Example], rng: Random, *, pool: int, batch_tokens: int, max_tokens: int
) -> Iterator[list[Example]]:
    """Draws ``pool`` examples at a time and groups those of similar length.

    Args:
        draw: Makes the next example.
        rng: Orders the groups.
        pool: Examples to sort at once.
        batch_tokens: At most so many tokens in a batch, padding included.
        max_tokens: Longer examples are left out.
    """
    while True:
        drawn = (draw() for _ in range(pool))
        examples = sorted(
            (e for e in drawn if len(e.ids) <= max_tokens), key=lambda e: len(e.ids)
        )
        groups: list[list[Example]] = [[]]
        for example in examples:
            if groups[-1] and (len(groups[-1]) + 1) * len(example.ids) > batch_tokens:
                groups.append([])
            groups[-1].append(example)
        rng.shuffle(groups)
        yield from groups
