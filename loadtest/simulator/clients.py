"""How a conversation becomes requests to the engine."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from vllm import SamplingParams
from vllm.v1.request import Request

from intercept_core.scheduler.mark import SessionMark
from loadtest.simulator.fake_worker import TRIGGER
from loadtest.workloads.played import Played

Hasher = Callable[[Request], Any] | None

FIRST_TOKEN = 2
"""Conversation i speaks token i + 2 alone, so contexts differ from their first block on."""


class Client(ABC):
    """Turns segments into requests.

    Args:
        hasher: Hashes blocks for prefix caching; None without.
    """

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher

    @abstractmethod
    def request(self, played: Played, now_s: float) -> Request:
        """The request for the present segment."""

    def token(self, played: Played) -> int:
        """What the conversation consists of."""
        return played.conversation.id + FIRST_TOKEN

    def _request(
        self,
        request_id: str,
        token_ids: list[int],
        params: SamplingParams,
        now_s: float,
        resumable: bool,
    ) -> Request:
        return Request(
            request_id,
            token_ids,
            params,
            None,
            arrival_time=now_s,
            resumable=resumable,
            block_hasher=self._hasher,
        )


class SessionClient(Client):
    """One request a conversation, intercepted and resumed."""

    def request(self, played: Played, now_s: float) -> Request:
        segment = played.segment
        mark = SessionMark(
            key=played.name,
            trigger_token_ids=frozenset({TRIGGER}),
            park_at_end_of_turn=False,
        )
        calls = segment.interception is not None
        params = SamplingParams(
            temperature=0,
            # A call ends with the trigger, and not for its length.
            max_tokens=segment.output_tokens + calls,
            stop_token_ids=[TRIGGER],
            ignore_eos=True,
            extra_args=mark.to_extra_args(),
        )
        token_ids = [self.token(played)] * played.new_tokens
        return self._request(played.name, token_ids, params, now_s, resumable=True)


class ResubmittingClient(Client):
    """A new request with the whole context for each segment: vLLM in the paper."""

    def request(self, played: Played, now_s: float) -> Request:
        params = SamplingParams(
            temperature=0, max_tokens=played.segment.output_tokens, ignore_eos=True
        )
        token_ids = [self.token(played)] * played.context_tokens
        request_id = f"{played.name}/{played.index}"
        return self._request(request_id, token_ids, params, now_s, resumable=False)
