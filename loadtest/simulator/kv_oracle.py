"""Knows what every KV slot of device and host should hold."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.request import Request

from intercept_core.swap.block_copy import BlockCopy

EMPTY = np.uint64(0)
"""What a slot holds that nothing was written to, or whose token nobody knows."""
COMPARED_TOKENS = 64
"""How far back a request's tokens are looked at for changes: text that is taken back ends a
context, so it never reaches further."""

Fingerprints = NDArray[np.uint64]


class LostContext(AssertionError):
    """A request would have attended to KV that is not its own."""


class _Context:
    """The fingerprints of one request's positions: each stands for all tokens up to it."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._values = np.zeros(256, np.uint64)

    def fingerprints(self, tokens: Sequence[int], end: int) -> Fingerprints:
        """Of positions 0 to ``end``; :data:`EMPTY` where the token is not known yet."""
        self._follow(tokens)
        values = self._values[:end]
        if end > len(self._tokens):
            values = np.full(end, EMPTY)
            values[: len(self._tokens)] = self._values[: len(self._tokens)]
        return values

    def _follow(self, tokens: Sequence[int]) -> None:
        keep = min(len(self._tokens), len(tokens))
        tail = slice(max(keep - COMPARED_TOKENS, 0), keep)
        if self._tokens[tail] != tokens[tail]:
            keep = 0
        del self._tokens[keep:]
        new = tokens[keep:]
        if not new:
            return
        self._tokens += new
        end = len(self._tokens)
        if end > len(self._values):
            self._values = np.resize(self._values, 2 * end)
        # As KV does, a fingerprint depends on the token, its position and all before it.
        mixed = np.array(new, np.uint64) + np.uint64(1)
        mixed += np.arange(keep, end, dtype=np.uint64) << np.uint64(32)
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
        before = self._values[keep - 1] if keep else EMPTY
        self._values[keep:end] = np.cumsum(mixed) + before


class KvOracle:
    """Follows every write to the KV cache and checks every read.

    It stands in for the workers' memory: iterations go to :meth:`apply` in the order in which
    workers run them, copies to :meth:`copy` at whatever moment they are made.

    Args:
        device_blocks: Blocks of the device, the null block included.
        host_blocks: Blocks of the host pool.
        block_tokens: Tokens of a block.
        windows: For each group of blocks, how many tokens its layers attend to; None for all.

    Attributes:
        checked_tokens: How many tokens' KV was read and found right.
    """

    def __init__(
        self,
        device_blocks: int,
        host_blocks: int,
        block_tokens: int,
        windows: Sequence[int | None] = (None,),
    ) -> None:
        self._block_tokens = block_tokens
        self._windows = windows
        self._device = np.full((device_blocks, block_tokens), EMPTY)
        self._host = np.full((max(host_blocks, 1), block_tokens), EMPTY)
        self._tables: dict[str, list[list[int]]] = {}
        self._contexts: dict[str, _Context] = {}
        self.checked_tokens = 0

    def apply(self, output: SchedulerOutput, requests: Mapping[str, Request]) -> None:
        """Runs one iteration: writes its tokens, and reads the contexts before them.

        Args:
            output: The iteration.
            requests: The scheduler's requests. Their tokens must be those known when workers
                run the iteration: the outputs of the ones before it have been processed. What
                it computes for a request that is gone by then is garbage.

        Raises:
            LostContext: if a request reads a slot that does not hold its context, or workers
                are sent other tokens than the request has.
        """
        for request_id in output.finished_req_ids:
            self._tables.pop(request_id, None)
            self._contexts.pop(request_id, None)
        starts = self._follow_tables(output, requests)
        spans = [
            (request_id, starts[request_id], starts[request_id] + count)
            for request_id, count in output.num_scheduled_tokens.items()
        ]
        # As in each layer of a model, all writes come first: a request may find blocks in the
        # prefix cache that another computes in the same iteration.
        contexts = [self._write(requests, *span) for span in spans]
        for (request_id, start, _), values in zip(spans, contexts, strict=True):
            if request_id in requests:
                self._read(request_id, values[:start])

    def copy(self, copy: BlockCopy) -> None:
        """Makes one copy, whole."""
        device, host = list(copy.device_blocks), list(copy.host_blocks)
        if copy.to_host:
            self._host[host] = self._device[device]
        else:
            self._device[device] = self._host[host]

    def _follow_tables(
        self, output: SchedulerOutput, requests: Mapping[str, Request]
    ) -> dict[str, int]:
        starts: dict[str, int] = {}
        for new in output.scheduled_new_reqs:
            self._tables[new.req_id] = [list(ids) for ids in new.block_ids]
            starts[new.req_id] = new.num_computed_tokens
            self._compare_tokens(new.req_id, new.prompt_token_ids, requests)
        cached = output.scheduled_cached_reqs
        for request_id, blocks, computed in zip(
            cached.req_ids, cached.new_block_ids, cached.num_computed_tokens, strict=True
        ):
            starts[request_id] = computed
            if request_id in cached.resumed_req_ids:
                self._tables[request_id] = [[] for _ in self._windows]
            for table, ids in zip(self._tables[request_id], blocks or (), strict=False):
                table += ids
        return starts

    @staticmethod
    def _compare_tokens(
        request_id: str, sent: list[int] | None, requests: Mapping[str, Request]
    ) -> None:
        request = requests.get(request_id)
        if request is None or sent is None:
            return
        if sent != request._all_token_ids[: len(sent)]:
            raise LostContext(f"{request_id}: workers are sent other tokens than it has")

    def _write(
        self, requests: Mapping[str, Request], request_id: str, start: int, end: int
    ) -> Fingerprints:
        if request_id in requests:
            context = self._contexts.setdefault(request_id, _Context())
            values = context.fingerprints(requests[request_id]._all_token_ids, end)
        else:
            values = np.full(end, EMPTY)
        positions = np.arange(start, end)
        for table in self._tables[request_id]:
            if len(table) * self._block_tokens < end:
                raise LostContext(
                    f"{request_id}: {len(table)} blocks are too few for {end} tokens"
                )
            blocks = np.array(table)[positions // self._block_tokens]
            self._device[blocks, positions % self._block_tokens] = values[start:]
        return values

    def _read(self, request_id: str, values: Fingerprints) -> None:
        end = len(values)
        for table, window in zip(self._tables[request_id], self._windows, strict=True):
            # The first of the new tokens attends to itself, too.
            first = 0 if window is None else max(end - window + 1, 0)
            first_block = first // self._block_tokens
            blocks = table[first_block : -(-end // self._block_tokens)]
            skipped = first_block * self._block_tokens
            found = self._device[blocks].reshape(-1)[first - skipped : end - skipped]
            wrong = first + np.flatnonzero(found != values[first:])
            if wrong.size:
                block = table[wrong[0] // self._block_tokens]
                raise LostContext(
                    f"{request_id}: the KV of {wrong.size} of {end - first} tokens is not its "
                    f"own, first at {wrong[0]}, in block {block}"
                )
            self.checked_tokens += end - first
