"""The waste of each disposition, equations 1 to 4 of InferCept (arXiv 2402.01869).

In token-seconds: memory of one token's KV held for a second without use. The paper's factor M,
the bytes of a token, is common to all terms and left out.
"""

from math import ceil

from intercept_core.policy.types import CostModel


def recompute_s(tokens: int, batch_tokens: int, other_tokens: int, cost: CostModel) -> float:
    """What computing ``tokens`` again adds to an iteration of ``batch_tokens``."""
    longer = cost.forward_s(batch_tokens + tokens, other_tokens + tokens)
    return longer - cost.forward_s(batch_tokens, other_tokens)


def discard(tokens: int, other_tokens: int, cost: CostModel) -> float:
    """Equation 1: recomputation at once holds its own memory and everybody else's."""
    return cost.forward_s(tokens, other_tokens) * (tokens + other_tokens)


def preserve(tokens: int, remaining_s: float) -> float:
    """Equation 2: the context waits on the device."""
    return remaining_s * tokens


def swap(blocks: int, batch_tokens: int, cost: CostModel) -> float:
    """Equation 3: everybody waits for the copy out and the copy in."""
    both_s = cost.copy_s(blocks, to_host=True) + cost.copy_s(blocks, to_host=False)
    return both_s * batch_tokens


def chunked_discard(
    tokens: int, batch_tokens: int, other_tokens: int, cost: CostModel
) -> float:
    """Equation 4: recomputation in chunks that fill iterations to the saturation point.

    The context's own memory fills up gradually, hence half of it on average.
    """
    room = max(cost.saturation_tokens - batch_tokens, 1)
    chunks = ceil(tokens / room)
    chunk_s = cost.forward_s(ceil(tokens / chunks), tokens)
    return cost.forward_s(tokens, tokens) * tokens / 2 + chunks * chunk_s * other_tokens
