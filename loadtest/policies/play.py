"""A workload against a real engine."""

import time
from collections.abc import Sequence
from random import Random

from vllm.v1.engine import EngineCoreOutput

from loadtest.policies.engine import TRIGGER, BenchEngine
from loadtest.workloads.conversation import Conversation
from loadtest.workloads.etas import Etas
from loadtest.workloads.played import Played
from loadtest.workloads.timeline import Moment, Timeline

LONGEST_REST_S = 0.02


class Play:
    """Sends conversations when they are due and their results when those are.

    Each conversation is a session of ours; to vLLM's own scheduler every segment is a new
    request with the whole context.

    Args:
        engine: Where to.
        workload: What arrives.
        etas: What augmentations report.
        seed: Of the tokens.

    Attributes:
        played: Where each conversation stands.
        output_tokens: Tokens that were generated so far.
        most_context_tokens: Largest sum of the contexts of all that had begun to be answered
            and had not ended.
    """

    def __init__(
        self, engine: BenchEngine, workload: Sequence[Conversation], etas: Etas, seed: int = 0
    ) -> None:
        self._engine = engine
        self._etas = etas
        self._rng = Random(seed)
        self.played = [Played(conversation) for conversation in workload]
        self._of = {played.name: played for played in self.played}
        self._contexts: dict[str, list[int]] = {played.name: [] for played in self.played}
        self._timeline = Timeline(self.played)
        self._left = len(self.played)
        self._context_tokens = 0
        self.output_tokens = 0
        self.most_context_tokens = 0

    def run(self, until_s: float) -> None:
        """Plays until then, or until every conversation has ended."""
        engine = self._engine
        engine.start()
        while self._left and engine.now_s < until_s:
            for moment in self._timeline.due(engine.now_s):
                self._happen(moment)
            if engine.scheduler.has_requests():
                for output in engine.step():
                    self._receive(output)
            else:
                rest_s = self._timeline.next_s - engine.now_s
                time.sleep(min(max(rest_s, 0.0), LONGEST_REST_S))

    def _happen(self, moment: Moment) -> None:
        if moment.eta_s is None:
            self._send(moment.played)
        elif (ours := self._engine.intercepting) is not None:
            rest_s = moment.eta_s - self._engine.now_s
            ours.parked.report(moment.played.name, eta_s=ours.clock() + rest_s)

    def _send(self, played: Played) -> None:
        ours = self._engine.intercepting is not None
        new = [self._rng.randrange(TRIGGER) for _ in range(played.new_tokens)]
        context = self._contexts[played.name]
        context += new
        if played.first_token_s is not None:
            self._grow(len(new))
        played.context_tokens = len(context)
        played.sent_s = self._engine.now_s
        played.speaking = False
        self._engine.add(
            played.name if ours else f"{played.name}/{played.index}",
            new if ours else context,
            played.segment.output_tokens,
            arrival_s=time.time(),
            session=ours,
            calls=played.segment.interception is not None,
        )

    def _receive(self, output: EngineCoreOutput) -> None:
        played = self._of[output.request_id.partition("/")[0]]
        now_s = self._engine.now_s
        if output.new_token_ids:
            context = self._contexts[played.name]
            context += output.new_token_ids
            self.output_tokens += len(output.new_token_ids)
            first = played.first_token_s is None
            self._grow(len(context) if first else len(output.new_token_ids))
            played.heard(now_s)
        if output.finish_reason is None:
            return
        call = played.segment.interception
        if call is None:
            played.end_s = now_s
            self._left -= 1
            self._context_tokens -= len(self._contexts.pop(played.name))
            return
        played.index += 1
        self._timeline.intercept(played, call, now_s, self._engine.intercepting, self._etas)

    def _grow(self, tokens: int) -> None:
        self._context_tokens += tokens
        self.most_context_tokens = max(self.most_context_tokens, self._context_tokens)
