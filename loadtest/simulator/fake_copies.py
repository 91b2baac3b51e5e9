"""Copies that take their time and move nothing, or only an oracle's notes."""

from random import Random

from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.outputs import KVConnectorOutput, ModelRunnerOutput

from intercept_core.policy.types import CostModel
from intercept_core.swap.block_copy import BlockCopy, CopyOrders, CopyReports
from loadtest.simulator.kv_oracle import KvOracle


class FakeCopies:
    """Two lanes at a fixed bandwidth, out and in, each one copy at a time.

    Args:
        cost: What copies take.
        oracle: Is told of each copy, at its start or at its end, as a draw has it: a machine
            may read and write at any moment between.
        seed: Of those draws.
    """

    lanes = 2

    def __init__(self, cost: CostModel, oracle: KvOracle | None = None, seed: int = 0) -> None:
        self._cost = cost
        self._oracle = oracle
        self._rng = Random(seed)
        self._lane_free_s = {True: 0.0, False: 0.0}
        self._under_way: list[tuple[float, float, BlockCopy, bool]] = []

    def start(self, output: SchedulerOutput, now_s: float) -> float:
        """Starts an iteration's copies; returns when its forward pass may begin."""
        orders = output.kv_connector_metadata
        if not isinstance(orders, CopyOrders):
            return now_s
        last_s = max((self._start(copy, now_s) for copy in orders.copies), default=now_s)
        if not orders.wait:
            return now_s
        self._settle(last_s)
        return last_s

    def _start(self, copy: BlockCopy, now_s: float) -> float:
        seconds = self._cost.copy_s(len(copy.host_blocks), to_host=copy.to_host)
        end_s = max(now_s, self._lane_free_s[copy.to_host]) + seconds
        self._lane_free_s[copy.to_host] = end_s
        late = self._oracle is not None and self._rng.random() < 0.5
        if self._oracle is not None and not late:
            self._oracle.copy(copy)
        self._under_way.append((end_s, seconds, copy, late))
        return end_s

    def _settle(self, until_s: float) -> None:
        """Lets the copies that end by then move their contents."""
        if self._oracle is None:
            return
        for index, (end_s, seconds, copy, late) in enumerate(self._under_way):
            if late and end_s <= until_s:
                self._oracle.copy(copy)
                self._under_way[index] = (end_s, seconds, copy, False)

    @property
    def next_end_s(self) -> float:
        """When the next copy ends; infinity without one."""
        return min((entry[0] for entry in self._under_way), default=float("inf"))

    def report(self, result: ModelRunnerOutput, now_s: float) -> None:
        """Adds the copies that have ended by now to an iteration's result."""
        if self.next_end_s > now_s:
            return
        self._settle(now_s)
        done = [entry for entry in self._under_way if entry[0] <= now_s]
        self._under_way = [entry for entry in self._under_way if entry[0] > now_s]
        result.kv_connector_output = KVConnectorOutput(
            kv_connector_worker_meta=CopyReports(
                workers={copy.copy_id: 1 for _, _, copy, _ in done},
                seconds={copy.copy_id: seconds for _, seconds, copy, _ in done},
            )
        )
