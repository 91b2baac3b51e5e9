"""Clients that do at random whatever clients can do."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from checked_engine import TRIGGER, WORDS, CheckedEngine
from engine_audit import Audit
from modelless import BATCH_TOKENS, BLOCK_TOKENS, MODEL_TOKENS, Fickle, Kind
from vllm import SamplingParams
from vllm.utils.math_utils import cdiv
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.engine import EngineCoreOutput
from vllm.v1.request import Request, RequestStatus

from intercept_core.scheduler.mark import SessionMark
from intercept_core.scheduler.pressure import PATIENCE_ITERATIONS
from loadtest.simulator import virtual_scheduler

MOST_CLIENTS = 12
MOST_IDLE = 2 * PATIENCE_ITERATIONS
"""Iterations in a row that compute and copy nothing though somebody waits: a deadlock."""
DRAIN_ITERATIONS = 20_000
TOOLS = ("calculator", "chatbot", "image", None)


@dataclass(eq=False)
class ClientSide:
    """What a client knows of its request.

    Attributes:
        name: The request's id.
        tokens: Sent and received, in order.
        session: Whether it makes calls.
        most_tokens: How long it may become.
        turn_end: How long it will be, at most, at the end of its present turn.
        parked: Whether it waits for a result.
        queued: A result that was sent before the call.
        bypassed: Who arrived later and was taken from a queue while it waits.
    """

    name: str
    tokens: list[int]
    session: bool
    most_tokens: int
    turn_end: int = 0
    parked: bool = False
    queued: list[int] | None = None
    bypassed: set[str] = field(default_factory=set)


class RandomWalk:
    """One engine and its clients.

    Args:
        kind: The engine.
        seed: Of everything.

    Attributes:
        engine: The engine.
        most_bypassed: The largest number of different later arrivals that were taken from a
            queue while somebody waited.
        longest_wait: Most iterations that somebody waited.
    """

    def __init__(self, kind: Kind, seed: int) -> None:
        self.engine = CheckedEngine(kind, seed)
        scheduler = self.scheduler = self.engine.scheduler
        if isinstance(scheduler.intercept_policy, Fickle):
            scheduler.intercept_policy = Fickle(seed)
        self.audit = Audit(scheduler)
        self.most_bypassed = 0
        self.longest_wait = 0
        self._rng = Random(f"{seed} clients")
        # The largest context that the device holds, with a block to spare for its last token.
        room = kind.device_blocks - 2 - _windowed_blocks(kind)
        self._most_tokens = min(MODEL_TOKENS - 8, room * BLOCK_TOKENS)
        self._prefixes = [self._words(self._most_tokens // 2) for _ in range(3)]
        self._clients: dict[str, ClientSide] = {}
        self._number = 0
        self._draining = False
        self._ended: list[str] = []
        self._waits: dict[str, int] = {}
        self._hasher = virtual_scheduler.block_hasher(kind.hardware) if kind.caching else None

    # -- the walk ----------------------------------------------------------------------

    def step(self) -> None:
        """What clients do, and one iteration."""
        for action, probability in self._actions():
            if self._rng.random() < probability:
                action()
                self.audit.check()
        self._iterate()

    def drain(self) -> None:
        """Ends all: results come, nobody calls any more.

        Raises:
            AssertionError: if it takes too long, or anything is left.
        """
        self._draining = True
        self.engine.worker.trigger_share = 0.0
        for tokens in self.engine.worker.requests.values():
            tokens.trigger_share = 0.0
        for _ in range(DRAIN_ITERATIONS):
            if not self._clients and not self.engine.has_work:
                break
            for client in list(self._clients.values()):
                if client.parked and self._rng.random() < 0.2:
                    self._resume(client)
            self._iterate()
        else:
            raise AssertionError(f"left after {DRAIN_ITERATIONS} iterations: {self._clients}")
        self.audit.check()
        self.audit.all_free()

    def _actions(self) -> list[tuple[Any, float]]:
        return [
            (self._arrive, 0.15),
            (self._answer, 0.25),
            (self._answer_early, 0.05),
            (self._report, 0.2),
            (self._abort, 0.01),
            (self._close_one, 0.005),
            (self._close_ended, 0.1),
            (self._reset, 0.01),
        ]

    def _iterate(self) -> None:
        engine = self.engine
        for output in engine.schedule():
            self._see_scheduled(output)
            self.audit.check()
        while engine.due:
            ran = engine.run()
            if not self._draining and self._rng.random() < 0.01:
                self._abort()  # between a result and its processing, as vLLM's core does
            for item in engine.update(ran):
                self._hear(item)
            self.audit.check()
        if not engine.has_work:
            self._nobody_is_forgotten()
            engine.now_s += 0.01
        assert engine.idle < MOST_IDLE or self._all_parked(), "nothing goes on"

    def _all_parked(self) -> bool:
        return all(client.parked for client in self._clients.values())

    def _nobody_is_forgotten(self) -> None:
        forgotten = [client.name for client in self._clients.values() if not client.parked]
        assert not forgotten, f"the engine rests, and these wait: {forgotten}"

    # -- what clients do ---------------------------------------------------------------

    def _arrive(self) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            return
        self._number += 1
        session = self._rng.random() < 0.8
        name = f"{'session' if session else 'plain'}-{self._number}"
        most = self._rng.randint(4, self._most_tokens)
        tokens: list[int] = []
        if self._rng.random() < 0.5:
            tokens += self._rng.choice(self._prefixes)[: self._rng.randint(1, most)]
        tokens = (tokens + self._words(self._rng.randint(1, most)))[: most - 2]
        client = self._clients[name] = ClientSide(
            name, list(tokens), session, most, turn_end=len(tokens)
        )
        self._send(client, tokens)

    def _parked(self) -> list[ClientSide]:
        return [client for client in self._clients.values() if client.parked]

    def _answer(self) -> None:
        parked = self._parked()
        # Some results come soon and some very late.
        if parked:
            late = self._rng.random() < 0.5
            self._resume(parked[-1] if late else self._rng.choice(parked))

    def _resume(self, client: ClientSide) -> None:
        room = client.most_tokens - len(client.tokens) - 2
        if room < 1:
            self._close(client)
            return
        client.parked = False
        result = self._words(self._rng.randint(1, min(room, 60)))
        client.tokens += result
        client.turn_end = len(client.tokens)
        self._send(client, result)

    def _answer_early(self) -> None:
        client = self._rng.choice([*self._clients.values(), None])
        if client is None or client.parked or not client.session or client.queued is not None:
            return
        room = client.most_tokens - client.turn_end - 2
        if room > 0:
            client.queued = self._words(self._rng.randint(1, min(room, 60)))
            client.turn_end += len(client.queued)
            self._send(client, client.queued)

    def _report(self) -> None:
        if not (parked := self._parked()):
            return
        name = self._rng.choice(parked).name
        known = self.scheduler.parked.get(name)
        assert known is not None
        known.returns_s = self.engine.now_s + self._rng.expovariate(2)
        self.scheduler.parked.report(
            name,
            eta_s=None if self._rng.random() < 0.2 else known.returns_s,
            kind=self._rng.choice(TOOLS),
            declared_s=self._rng.choice((None, 0.5)),
        )

    def _abort(self) -> None:
        if self._clients:
            name = self._rng.choice(list(self._clients))
            del self._clients[name]
            self.scheduler.finish_requests(name, RequestStatus.FINISHED_ABORTED)

    def _close_one(self) -> None:
        if parked := self._parked():
            self._close(self._rng.choice(parked))

    def _close(self, client: ClientSide) -> None:
        del self._clients[client.name]
        self._send_closing(client.name)

    def _close_ended(self) -> None:
        if self._ended:
            self._send_closing(self._ended.pop())

    def _reset(self) -> None:
        if self._rng.random() < 0.9:
            self.scheduler.reset_prefix_cache()
            return
        self.scheduler.reset_prefix_cache(reset_running_requests=True)

    def _words(self, count: int) -> list[int]:
        return self._rng.choices(WORDS, k=count)

    def _send(self, client: ClientSide, token_ids: list[int]) -> None:
        mark = SessionMark(
            key=client.name, trigger_token_ids=frozenset({TRIGGER}), park_at_end_of_turn=False
        )
        left = client.most_tokens - client.turn_end
        most = self._rng.randint(1, left) if self._rng.random() < 0.5 else left
        client.turn_end += most
        params = SamplingParams(
            temperature=0,
            max_tokens=most,
            stop_token_ids=[TRIGGER] if client.session else [],
            ignore_eos=True,
            extra_args=mark.to_extra_args() if client.session else None,
        )
        self._add(client.name, token_ids, params, resumable=client.session)

    def _send_closing(self, name: str) -> None:
        self._add(name, [0], SamplingParams(max_tokens=1), resumable=False)

    def _add(
        self, name: str, token_ids: list[int], params: SamplingParams, resumable: bool
    ) -> None:
        request = Request(
            name,
            list(token_ids),
            params,
            None,
            arrival_time=self.engine.now_s + 1e-6 * self._number,
            resumable=resumable,
            block_hasher=self._hasher,
        )
        self.scheduler.add_request(request)

    # -- what clients see --------------------------------------------------------------

    def _hear(self, item: EngineCoreOutput) -> None:
        client = self._clients.get(item.request_id)
        if client is None:
            return
        client.tokens += item.new_token_ids
        assert len(client.tokens) < MODEL_TOKENS
        if item.finish_reason is None:
            return
        if item.stop_reason != TRIGGER:
            del self._clients[client.name]
            if client.session:
                self._ended.append(client.name)
        elif client.queued is not None:
            client.tokens += client.queued
            client.queued = None
        else:
            client.parked = True
            assert client.name in self.scheduler.parked

    def _see_scheduled(self, output: SchedulerOutput) -> None:
        for new in output.scheduled_new_reqs:
            sent = new.prefill_token_ids or new.prompt_token_ids
            assert sent == self._clients[new.req_id].tokens, f"{new.req_id}: other tokens"
        self._count_bypassing(output)

    def _count_bypassing(self, output: SchedulerOutput) -> None:
        """Starvation: who waits to be scheduled, and who came later and was."""
        scheduler = self.scheduler
        waiting = [*scheduler.waiting, *scheduler.kv_holding_waiting]
        if scheduler.swapper is not None:
            waiting += [parked.request for parked in scheduler.swapper.returning]
        first = [new.req_id for new in output.scheduled_new_reqs]
        first += output.scheduled_cached_reqs.resumed_req_ids
        waits: dict[str, int] = {}
        for request in waiting:
            client = self._clients[request.request_id]
            waits[client.name] = self._waits.get(client.name, 0) + 1
            place = scheduler.place(request)
            for other in first:
                if scheduler.place(scheduler.requests[other]) > place:
                    client.bypassed.add(other)
            self.most_bypassed = max(self.most_bypassed, len(client.bypassed))
        for client in self._clients.values():
            if client.name not in waits:
                client.bypassed.clear()
        self._waits = waits
        self.longest_wait = max([self.longest_wait, *waits.values()])


def _windowed_blocks(kind: Kind) -> int:
    """What a context holds in layers with windows, at most: what is left behind goes when the
    iterations on their way have ended."""
    under_way = (kind.depth + 1) * BATCH_TOKENS
    windows = [window for window in kind.windows if window is not None]
    return sum(cdiv(window + under_way, BLOCK_TOKENS) + 1 for window in windows)
