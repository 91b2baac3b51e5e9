"""What a client sees of the model's tokens, as they stream."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from vllm import SamplingParams
from vllm.outputs import CompletionOutput

from intercept_core.engine.visible_text import CallFilter, StopFilter


@dataclass(slots=True)
class Piece:
    """Something for the client.

    Attributes:
        text: May be empty.
        token_ids: Tokens of the model that belong to it.
        logprobs: One entry a token where the request asked for them.
        stop: The stop string that ends the request here.
    """

    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)
    stop: str | None = None

    def __bool__(self) -> bool:
        return bool(self.text or self.token_ids or self.stop)

    def __add__(self, other: "Piece") -> "Piece":
        return Piece(
            self.text + other.text,
            self.token_ids + other.token_ids,
            self.logprobs + other.logprobs,
            self.stop or other.stop,
        )


class VisibleOutput:
    """Splits a session's tokens into those for the client and those of calls.

    Args:
        call_starts: Texts at which a call begins; None to show calls.
        call_start_token_id: The token of one of them, if it is one.
        params: The request's parameters, for its stop strings.

    Attributes:
        turn_text: All that the model wrote in this turn, calls included.
        hidden_tokens: Tokens of calls so far, which the client does not see.
    """

    def __init__(
        self,
        call_starts: Sequence[str] | None,
        call_start_token_id: int | None,
        params: SamplingParams,
    ) -> None:
        stop = [params.stop] if isinstance(params.stop, str) else list(params.stop or ())
        self._calls = CallFilter(*call_starts) if call_starts is not None else None
        self._call_start_token_id = call_start_token_id
        self._stop = StopFilter(stop, params.include_stop_str_in_output)
        self._min_tokens = params.min_tokens
        self._tokens = 0
        self._held = Piece()
        self.turn_text = ""
        self.hidden_tokens = 0

    def feed(self, completion: CompletionOutput) -> Piece:
        """Adds a delta of the model; returns what can go out."""
        self.turn_text += completion.text
        self._tokens += len(completion.token_ids)
        token_ids = list(completion.token_ids)
        logprobs = list(completion.logprobs or ())
        if self._calls is None:
            return self._stopped(completion.text, token_ids, logprobs)
        in_call = self._calls.in_call
        text = self._calls.feed(completion.text)
        visible_tokens = 0 if in_call else self._visible_tokens(token_ids)
        self._held.token_ids += token_ids[visible_tokens:]
        self._held.logprobs += logprobs[visible_tokens:]
        return self._stopped(text, token_ids[:visible_tokens], logprobs[:visible_tokens])

    def _visible_tokens(self, token_ids: list[int]) -> int:
        if self._calls is None or not self._calls.in_call:
            return len(token_ids)
        if self._call_start_token_id in token_ids:
            return token_ids.index(self._call_start_token_id)
        return 0

    def take_back(self, tokens: int) -> None:
        """Forgets the last tokens, as far as the client has not got them."""
        kept = max(len(self._held.token_ids) - tokens, 0)
        del self._held.token_ids[kept:], self._held.logprobs[kept:]

    def show_result(self, text: str) -> Piece:
        """Text that the model did not write, where calls are shown; it holds no stops."""
        if self._calls is not None:
            return Piece()
        return Piece(self._stop.feed("", final=True).text + text)

    def end_call(self, trailing: str = "") -> Piece:
        """Ends a turn that was a call: what was held back stays hidden.

        Where calls are shown, ``trailing`` follows.
        """
        self.turn_text = ""
        if self._calls is None:
            return self._stopped(trailing, [], [])
        self._calls.take()
        self.hidden_tokens += len(self._held.token_ids)
        self._held = Piece()
        return Piece()

    def end_answer(self, trailing: str = "") -> Piece:
        """Ends the request: releases what was held back, and ``trailing`` after it."""
        text = self._calls.take() if self._calls is not None else ""
        held, self._held = self._held, Piece()
        found = self._stop.feed(text + trailing, final=True)
        return Piece(found.text, held.token_ids, held.logprobs, found.stop)

    def cut_answer(self) -> Piece:
        """Ends a request that was cut short: a call it was in the middle of stays hidden."""
        if self._calls is not None and self._calls.in_call:
            self.end_call()
        return self.end_answer()

    def _stopped(self, text: str, token_ids: list[int], logprobs: list[Any]) -> Piece:
        found = self._stop.feed(text, may_stop=self._tokens > self._min_tokens)
        return Piece(found.text, token_ids, logprobs, found.stop)
