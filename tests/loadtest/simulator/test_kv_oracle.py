"""An oracle that finds nothing proves nothing, unless it finds what is wrong."""

from types import SimpleNamespace
from typing import Any

import pytest

from intercept_core.swap.block_copy import BlockCopy
from loadtest.simulator.kv_oracle import KvOracle, LostContext

BLOCK = 4


class Engine:
    """Iterations written down by hand: one request, some blocks."""

    def __init__(self) -> None:
        self.oracle = KvOracle(device_blocks=8, host_blocks=4, block_tokens=BLOCK)
        self.requests: dict[str, Any] = {}

    def new(
        self, name: str, tokens: list[int], blocks: list[int], computed: int, count: int
    ) -> None:
        self.requests[name] = SimpleNamespace(_all_token_ids=list(tokens))
        new = SimpleNamespace(
            req_id=name,
            block_ids=(blocks,),
            num_computed_tokens=computed,
            prompt_token_ids=tokens,
        )
        self._apply([new], name, count)

    def go_on(self, name: str, token: int, computed: int, blocks: list[int] | None = None):
        self.requests[name]._all_token_ids.append(token)
        self._apply([], name, 1, computed=computed, blocks=blocks)

    def _apply(
        self,
        new: list[Any],
        name: str,
        count: int,
        computed: int = 0,
        blocks: list[int] | None = None,
    ) -> None:
        cached = SimpleNamespace(
            req_ids=[] if new else [name],
            new_block_ids=[] if new else [None if blocks is None else (blocks,)],
            num_computed_tokens=[] if new else [computed],
            resumed_req_ids=set(),
        )
        output: Any = SimpleNamespace(
            finished_req_ids=set(),
            scheduled_new_reqs=new,
            scheduled_cached_reqs=cached,
            num_scheduled_tokens={name: count},
        )
        self.oracle.apply(output, self.requests)

    def copy(self, to_host: bool, device: list[int], host: list[int]) -> None:
        self.oracle.copy(
            BlockCopy(
                copy_id=1,
                to_host=to_host,
                device_blocks=tuple(device),
                host_blocks=tuple(host),
            )
        )


@pytest.fixture
def engine() -> Engine:
    """A request of six tokens in blocks 2 and 5."""
    made = Engine()
    made.new("a", [7, 7, 7, 7, 8, 8], [2, 5], computed=0, count=6)
    return made


def test_an_undisturbed_context_is_found_whole(engine: Engine) -> None:
    engine.go_on("a", 9, computed=6)
    assert engine.oracle.checked_tokens == 6


def test_a_block_that_another_wrote_is_found(engine: Engine) -> None:
    engine.new("b", [7, 7, 7], [5], computed=0, count=3)
    with pytest.raises(LostContext, match=r"a: the KV of 2 of 6 tokens .* at 4, in block 5"):
        engine.go_on("a", 9, computed=6)


def test_equal_tokens_after_others_are_other_kv() -> None:
    engine = Engine()
    engine.new("a", [1, 1, 1, 1, 3, 3, 3, 3], [1, 2], computed=0, count=8)
    engine.new("b", [2, 2, 2, 2], [3], computed=0, count=4)
    # The second block has the same tokens, and not the same KV.
    with pytest.raises(LostContext, match="b: the KV of 4 of 8"):
        engine.new("b", [2, 2, 2, 2, 3, 3, 3, 3, 5], [3, 2, 4], computed=8, count=1)


def test_a_shared_prefix_is_shared() -> None:
    engine = Engine()
    engine.new("a", [1, 2, 3, 4, 5], [1, 2], computed=0, count=5)
    engine.new("b", [1, 2, 3, 4, 9], [1, 3], computed=4, count=1)
    assert engine.oracle.checked_tokens == 4


def test_there_and_back_to_other_blocks(engine: Engine) -> None:
    engine.copy(True, [5, 2], [3, 0])
    engine.new("b", [1] * 8, [2, 5], computed=0, count=8)
    engine.copy(False, [6, 7], [0, 3])
    engine.new("a", [7, 7, 7, 7, 8, 8, 9], [6, 7], computed=6, count=1)
    assert engine.oracle.checked_tokens == 6


def test_slots_in_the_wrong_order_are_found(engine: Engine) -> None:
    engine.copy(True, [5, 2], [3, 0])
    engine.copy(False, [6, 7], [3, 0])
    with pytest.raises(LostContext, match="a: the KV of 6 of 6"):
        engine.new("a", [7, 7, 7, 7, 8, 8, 9], [6, 7], computed=6, count=1)


def test_what_was_never_computed_is_found(engine: Engine) -> None:
    with pytest.raises(LostContext, match="a: the KV of 1 of 7 tokens"):
        engine.requests["a"]._all_token_ids.append(9)
        engine.go_on("a", 9, computed=7)


def test_too_few_blocks_are_found(engine: Engine) -> None:
    engine.go_on("a", 9, computed=6)
    engine.go_on("a", 9, computed=7)
    with pytest.raises(LostContext, match="2 blocks are too few for 9 tokens"):
        engine.go_on("a", 9, computed=8)


def test_other_tokens_than_the_requests_are_found(engine: Engine) -> None:
    new = SimpleNamespace(
        req_id="a", block_ids=([1],), num_computed_tokens=0, prompt_token_ids=[7, 6]
    )
    with pytest.raises(LostContext, match="other tokens"):
        engine._apply([new], "a", 2)
