"""One policy, one machine, one workload, under a virtual clock."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.engine import EngineCoreOutput

from loadtest.simulator.clients import Client, ResubmittingClient, SessionClient
from loadtest.simulator.fake_worker import FakeWorker
from loadtest.simulator.hardware import Hardware
from loadtest.simulator.kv_oracle import KvOracle
from loadtest.simulator.outcome import Outcome, summarize
from loadtest.simulator.settings import STOCK
from loadtest.simulator.virtual_engine import VirtualEngine
from loadtest.simulator.virtual_scheduler import (
    MAX_MODEL_LEN,
    block_hasher,
    make_scheduler,
)
from loadtest.workloads.conversation import Conversation
from loadtest.workloads.etas import Etas
from loadtest.workloads.played import Played
from loadtest.workloads.timeline import Moment, Timeline


class Simulation:
    """Plays a workload.

    Args:
        hardware: The machine.
        policy: A policy's name, ``package.module:Class``, or :data:`STOCK`.
        workload: What arrives.
        prefix_caching: vLLM's setting.
        policy_options: Keyword arguments of the policy.
        recompute_slowdown: See :class:`~intercept_core.scheduler.config.InterceptConfig`.
        etas: What augmentations report; None for nothing.
        check: Whether an oracle follows the content of every KV slot, which takes its time.

    Raises:
        ValueError: for a conversation that the machine can never hold.

    Attributes:
        engine: The engine.
    """

    def __init__(
        self,
        hardware: Hardware,
        policy: str,
        workload: Sequence[Conversation],
        *,
        prefix_caching: bool = True,
        policy_options: Mapping[str, Any] | None = None,
        recompute_slowdown: float | None = None,
        etas: Etas | None = None,
        check: bool = False,
    ) -> None:
        _refuse_too_long(workload, hardware)
        self._hardware = hardware
        self._policy = policy
        self._etas = etas

        def scheduler(clock: Callable[[], float]) -> Scheduler:
            return make_scheduler(
                hardware,
                policy,
                clock,
                prefix_caching=prefix_caching,
                policy_options=policy_options,
                recompute_slowdown=recompute_slowdown,
            )

        self.oracle = _oracle(hardware) if check else None
        self._worker = FakeWorker()
        self.engine = VirtualEngine(hardware, scheduler, self._worker, self.oracle)
        hasher = block_hasher(hardware) if prefix_caching else None
        self._client: Client = (ResubmittingClient if policy == STOCK else SessionClient)(
            hasher
        )
        self.played = [Played(conversation) for conversation in workload]
        self._of = {played.name: played for played in self.played}
        self._left = len(self.played)
        self._timeline = Timeline(self.played)

    def run(
        self,
        *,
        until_s: float = float("inf"),
        stop: Callable[[], bool] = lambda: False,
        window_s: float | None = None,
    ) -> Outcome:
        """Plays until all conversations have ended.

        Args:
            until_s: Ends at this time at the latest.
            stop: Ends it when it says so; asked between iterations.
            window_s: How long conversations arrived; by default until the last of them.

        Raises:
            RuntimeError: if nothing goes on though some are left.
            LostContext: if the oracle finds one.
        """
        engine = self.engine
        while self._left and engine.now_s < until_s and not stop():
            for moment in self._timeline.due(engine.now_s):
                self._happen(moment)
            next_s = self._timeline.next_s
            if engine.scheduler.has_requests():
                for item in engine.iterate(next_s):
                    self._receive(item)
            elif next_s < float("inf"):
                engine.now_s = min(next_s, until_s)
            else:
                raise RuntimeError(f"{self._left} conversations are left and nothing goes on")
        if window_s is None:
            window_s = max((p.conversation.arrival_s for p in self.played), default=0.0) or 1.0
        return summarize(self._policy, self._hardware, engine, self.played, window_s)

    def drain(self) -> None:
        """Lets the copies end that are still under way after the last conversation."""
        while self.engine.scheduler.has_requests():
            # Without a copy there may be an iteration left that tells workers who has ended.
            self.engine.iterate(self.engine.now_s + 1.0)

    def _happen(self, moment: Moment) -> None:
        if moment.eta_s is None:
            self._send(moment.played, moment.time_s)
        elif (ours := self.engine.intercepting) is not None:
            ours.parked.report(moment.played.name, eta_s=moment.eta_s)

    def _send(self, played: Played, now_s: float) -> None:
        played.context_tokens += played.new_tokens
        played.sent_s = now_s
        played.speaking = False
        segment = played.segment
        request = self._client.request(played, now_s)
        played.requests.append(request)
        self._worker.expect(
            request.request_id,
            played.name,
            self._client.token(played),
            segment.output_tokens,
            calls=segment.interception is not None and request.resumable,
        )
        self.engine.scheduler.add_request(request)

    def _receive(self, item: EngineCoreOutput) -> None:
        played = self._of[item.request_id.partition("/")[0]]
        now_s = self.engine.now_s
        if item.new_token_ids:
            played.heard(now_s)
        if item.finish_reason is None:
            return
        segment = played.segment
        played.context_tokens += segment.output_tokens
        if segment.interception is None:
            played.end_s = now_s
            self._left -= 1
            self._worker.forget(item.request_id, played.name)
            return
        played.index += 1
        self._timeline.intercept(
            played, segment.interception, now_s, self.engine.intercepting, self._etas
        )


def _oracle(hardware: Hardware) -> KvOracle:
    return KvOracle(hardware.device_blocks, hardware.host_blocks, hardware.block_tokens)


def _refuse_too_long(workload: Sequence[Conversation], hardware: Hardware) -> None:
    # vLLM keeps a block for itself, and the token that ends a conversation has no KV.
    most = min(MAX_MODEL_LEN, (hardware.device_blocks - 1) * hardware.block_tokens)
    for conversation in workload:
        if conversation.total_tokens >= most:
            raise ValueError(
                f"conversation {conversation.id} grows to {conversation.total_tokens} tokens, "
                f"and this machine takes fewer than {most}"
            )
