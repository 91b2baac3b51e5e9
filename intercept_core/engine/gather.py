"""Turns a stream of deltas into the kind of output that the caller asked for."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from vllm.outputs import RequestOutput
from vllm.sampling_params import RequestOutputKind


async def gathered(
    deltas: AsyncGenerator[RequestOutput, None], kind: RequestOutputKind
) -> AsyncGenerator[RequestOutput, None]:
    """Yields ``deltas`` as they are, accumulated, or as one final output."""
    async with aclosing(deltas):
        total: RequestOutput | None = None
        async for delta in deltas:
            if kind is RequestOutputKind.DELTA:
                yield delta
                continue
            if total is None:
                total = delta
            else:
                total.add(delta, aggregate=True)
            if kind is RequestOutputKind.CUMULATIVE or delta.finished:
                yield total
