"""One request through all its interceptions."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from vllm import SamplingParams
from vllm.engine.protocol import StreamingInput
from vllm.inputs import tokens_input
from vllm.outputs import CompletionOutput, RequestOutput
from vllm.sampling_params import RequestOutputKind

from intercept_core.bus.bus import InterceptBus
from intercept_core.engine.call_log import CallLog
from intercept_core.engine.dialect import CallError, Dialect, ToolCall
from intercept_core.engine.interception import InterceptionChannel
from intercept_core.engine.options import InterceptOptions
from intercept_core.engine.park_slots import ParkSlots
from intercept_core.engine.pause import Pause
from intercept_core.engine.turn_outputs import TurnOutputs
from intercept_core.engine.visible_output import Piece, VisibleOutput
from intercept_core.scheduler.mark import SessionMark
from intercept_core.scheduler.text_call import TextCall
from intercept_core.scheduler.text_trigger import TextTrigger

OpenStream = Callable[
    [AsyncGenerator[StreamingInput, None], SamplingParams], AsyncGenerator[RequestOutput, None]
]
"""Starts a vLLM request whose input streams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """What the caller of ``generate`` asked for.

    Attributes:
        request_id: vLLM's external id; the one id of the whole request.
        conversation_id: Key of the state that augmentations keep between calls.
        prompt: As given to ``generate``.
        params: As given to ``generate``; ``max_tokens`` and ``stop`` mean all turns together.
        options: What to intercept.
        max_context_tokens: Longest context that the model can have.
        end_of_turn_token_ids: Tokens at which the model's turn ends.
    """

    request_id: str
    conversation_id: str
    prompt: Any
    params: SamplingParams
    options: InterceptOptions
    max_context_tokens: int
    end_of_turn_token_ids: frozenset[int] = frozenset()


class InterceptSession:
    """Drives a vLLM streaming-input request: a turn, a call, its result, the next turn.

    Args:
        request: What was asked for.
        bus: Where calls go.
        dialect: How calls are written.
        open_stream: Starts the vLLM request.
        channel: Where interceptions are published.
        slots: Places of waiting requests; as many as there are if not given.
    """

    def __init__(
        self,
        request: SessionRequest,
        *,
        bus: InterceptBus,
        dialect: Dialect,
        open_stream: OpenStream,
        channel: InterceptionChannel,
        slots: ParkSlots | None = None,
    ) -> None:
        self._request = request
        self._bus = bus
        self._dialect = dialect
        self._open_stream = open_stream
        self._channel = channel
        self._triggers = dialect.triggers_of(request.options.augmentations)
        self._slots = slots or ParkSlots()
        self._log = CallLog(request.request_id, request.conversation_id)
        self._mark = SessionMark(
            # Clients choose request ids, and may choose the same one twice.
            key=uuid.uuid4().hex,
            trigger_token_ids=request.end_of_turn_token_ids
            if dialect.ends_with_turn
            else dialect.trigger_token_ids,
            park_at_end_of_turn=dialect.ends_with_turn,
            text_triggers=tuple(
                TextTrigger(trigger.start, trigger.end) for _, trigger in self._triggers
            ),
            other_call_start=dialect.config.call_start,
        )
        self._inputs: asyncio.Queue[StreamingInput | None] = asyncio.Queue()
        self._visible = VisibleOutput(
            None if request.options.show_calls else self._call_starts(),
            dialect.call_start_token_id,
            request.params,
        )
        self._prompt_token_ids: list[int] | None = None
        self._model_tokens = 0
        self._inserted_tokens = 0
        self._pause: Pause | None = None
        self._text_call: TextCall | None = None
        self._outputs: TurnOutputs | None = None
        self._kind: str | None = None

    async def run(self) -> AsyncGenerator[RequestOutput, None]:
        """Yields deltas of what the client may see; the last one has ``finished`` set.

        Closing the generator aborts the request and cancels a call on its way.
        """
        params = self._turn_params(first=True)
        self._send(StreamingInput(prompt=self._request.prompt, sampling_params=params))
        stream = TurnOutputs(self._open_stream(self._input_stream(), params))
        async with aclosing(stream) as self._outputs:
            async for output in stream:
                self._take_in(output)
                piece = self._visible.feed(output.outputs[0])
                if piece.stop is not None:
                    yield self._output(output, piece, "stop", piece.stop)
                    return  # leaving aborts the request: vLLM does not know that it is over
                if output.outputs[0].finish_reason is None:
                    if piece or output.prompt_logprobs:
                        yield self._output(output, piece)
                    continue
                async for delta in self._after_turn(output, piece):
                    yield delta

    async def _after_turn(
        self, output: RequestOutput, piece: Piece
    ) -> AsyncGenerator[RequestOutput, None]:
        completion = output.outputs[0]
        call = self._call_in(completion)
        trigger = (
            None if self._text_call is None else self._triggers[self._text_call.trigger][1]
        )
        if call is None or self._is_clients(call):
            yield self._end_turn(output, piece, call)
            return
        piece += self._visible.end_call(self._hidden_end())
        self._channel.hidden_tokens = self._visible.hidden_tokens
        if piece.stop is not None or not self._remaining_tokens():
            yield self._end(output, piece + self._visible.end_answer(), "length")
            return
        if piece:
            yield self._output(output, piece)
        assert self._outputs is not None
        text = await self._outputs.unless_one_comes(self._result_of(call))
        if text is None:
            async for last in self._outputs:
                yield self._end_parked(last)
                return
            return
        assert self._pause is not None
        if self._pause.timeout is not None and self._ends_on_timeout(call):
            answer = self._visible.end_answer()
            yield self._end(output, answer, "abort", self._pause.timeout)
            return
        token_ids = self._dialect.encode_result(text, trigger)
        if not self._insert(token_ids):
            yield self._end(output, self._visible.end_answer(), "length")
            return
        if shown := self._visible.show_result(self._dialect.result_text(text, trigger)):
            yield self._output(output, shown)

    def _ends_on_timeout(self, call: ToolCall | CallError) -> bool:
        return isinstance(call, ToolCall) and self._bus.ends_on_timeout(call.name)

    def _end_parked(self, output: RequestOutput) -> RequestOutput:
        """The end that the engine has given to a request in a pause."""
        completion = output.outputs[0]
        reason = str(completion.stop_reason or "cancelled: the engine ended the request")
        if self._pause is not None:
            self._pause.ended(reason)
        finish_reason = completion.finish_reason or "abort"
        return self._end(output, self._visible.end_answer(), finish_reason, reason)

    def _end_turn(
        self, output: RequestOutput, piece: Piece, call: ToolCall | CallError | None
    ) -> RequestOutput:
        completion = output.outputs[0]
        if call is not None:  # the client's: it finds the whole call in the text
            tail = self._visible.end_answer(self._hidden_end())
            return self._end(output, piece + tail, "stop")
        if completion.finish_reason == "stop":
            piece += self._visible.end_answer()
        else:
            piece += self._visible.cut_answer()
            self._channel.hidden_tokens = self._visible.hidden_tokens
        return self._end(output, piece, completion.finish_reason, completion.stop_reason)

    # -- a turn ------------------------------------------------------------------------

    def _take_in(self, output: RequestOutput) -> None:
        if self._prompt_token_ids is None:
            # vLLM extends this list with each input; clients are told of the first.
            self._prompt_token_ids = list(output.prompt_token_ids or ())
        self._text_call = TextCall.of(output.kv_transfer_params)
        if self._text_call is not None:
            self._cut(output.outputs[0], self._text_call)
        self._model_tokens += len(output.outputs[0].token_ids)
        report = (output.kv_transfer_params or {}).get("intercept")
        if report is not None and self._pause is not None:
            self._pause.resumed(report["context"], report["recomputed_tokens"])
            self._pause = None

    def _cut(self, completion: CompletionOutput, call: TextCall) -> None:
        """Has the last output of a turn say what has become of it in the context.

        Tokens that were put back have no logprobs: the model did not sample them.
        """
        completion.text += call.tail
        kept = max(len(completion.token_ids) - call.taken_back, 0)
        earlier = call.taken_back - (len(completion.token_ids) - kept)
        self._visible.take_back(earlier)
        self._model_tokens -= earlier
        completion.token_ids = [*completion.token_ids[:kept], *call.put_back]
        if completion.logprobs is not None:
            completion.logprobs = [*completion.logprobs[:kept], *[None] * len(call.put_back)]

    def _call_in(self, completion: CompletionOutput) -> ToolCall | CallError | None:
        """The call that ended the turn; None if the turn ended the request."""
        if completion.finish_reason != "stop" or not self._mark.parks(completion.stop_reason):
            return None
        if self._text_call is not None:
            name, trigger = self._triggers[self._text_call.trigger]
            argument = {trigger.argument: self._text_call.argument}
            return ToolCall(name, {**trigger.arguments, **argument})
        try:
            return self._dialect.parse(self._visible.turn_text)
        except CallError as error:
            return error

    def _call_starts(self) -> list[str]:
        starts = [trigger.start for _, trigger in self._triggers]
        call_start = self._dialect.config.call_start
        return starts if call_start is None else [call_start, *starts]

    def _hidden_end(self) -> str:
        """Text at the end of the call that the outputs lack: vLLM leaves stop tokens out."""
        return (self._dialect.config.call_end or "") if self._text_call is None else ""

    def _is_clients(self, call: ToolCall | CallError) -> bool:
        return isinstance(call, ToolCall) and call.name in self._request.options.client_tools

    async def _result_of(self, call: ToolCall | CallError) -> str:
        self._kind = None
        self._pause = pause = Pause(self._channel, self._context_tokens(), self._log)
        if isinstance(call, CallError):
            return self._refused(ToolCall("unknown", {}), "bad_call", str(call))
        offered = self._request.options.augmentations
        if call.name not in offered:
            message = f"no tool is called {call.name!r}; known tools: {', '.join(offered)}"
            return self._refused(call, "unknown_tool", message)
        with self._slots.one() as has_slot:
            if not has_slot:
                message = f"{call.name} is not available now: too many requests wait for tools"
                return self._refused(call, "too_many_parked", message)
            self._kind = call.name
            return await pause.run(
                self._bus,
                call,
                request_id=self._mark.key,
                session_id=self._request.conversation_id,
                timeout_s=self._request.options.intercept_timeout_s,
                fit=partial(self._dialect.cut, limit=self._bus.result_limit_tokens(call.name)),
            )

    def _refused(self, call: ToolCall, code: str, message: str) -> str:
        assert self._pause is not None
        self._bus.refused(call.name, code)
        return self._pause.refuse(call, code, message)

    # -- what goes to the engine -------------------------------------------------------

    async def _input_stream(self) -> AsyncGenerator[StreamingInput, None]:
        while (chunk := await self._inputs.get()) is not None:
            yield chunk

    def _send(self, chunk: StreamingInput | None) -> None:
        self._inputs.put_nowait(chunk)

    def _insert(self, token_ids: list[int]) -> bool:
        """Continues with a result; False if it does not leave room for one more token."""
        assert self._pause is not None
        room = self._request.max_context_tokens - self._context_tokens() - 1
        if len(token_ids) > room:
            self._pause.does_not_fit(
                f"context_full: the result has {len(token_ids)} tokens, the context has "
                f"room for {max(room, 0)} of {self._request.max_context_tokens}"
            )
            self._pause = None
            return False
        self._pause.inserted(len(token_ids))
        self._inserted_tokens += len(token_ids)
        params = self._turn_params(first=False)
        self._send(StreamingInput(prompt=tokens_input(token_ids), sampling_params=params))
        return True

    def _turn_params(self, *, first: bool) -> SamplingParams:
        """The request's parameters in the form that vLLM's streaming input accepts."""
        params = self._request.params.clone()
        params.output_kind = RequestOutputKind.DELTA
        params.stop = []
        params.output_text_buffer_length = 0
        params.include_stop_str_in_output = False
        # Calls may begin with special tokens, and a parser must see them.
        params.skip_special_tokens &= not self._dialect.ends_with_turn
        params.stop_token_ids = sorted(
            {*(params.stop_token_ids or ()), *self._mark.trigger_token_ids}
        )
        mark = replace(self._mark, kind=self._kind)
        params.extra_args = {**(params.extra_args or {}), **mark.to_extra_args()}
        params.max_tokens = self._remaining_tokens()
        if not first:
            params.prompt_logprobs = None
            params.min_tokens = max(params.min_tokens - self._model_tokens, 0)
        return params

    def _remaining_tokens(self) -> int:
        room = self._request.max_context_tokens - self._context_tokens()
        if self._request.params.max_tokens is None:
            return max(room, 0)
        return max(min(self._request.params.max_tokens - self._model_tokens, room), 0)

    def _context_tokens(self) -> int:
        if self._prompt_token_ids is not None:
            prompt_tokens = len(self._prompt_token_ids)
        else:
            prompt_tokens = len(_token_ids_of(self._request.prompt))
        return prompt_tokens + self._model_tokens + self._inserted_tokens

    # -- what goes to the client -------------------------------------------------------

    def _end(
        self,
        output: RequestOutput,
        piece: Piece,
        finish_reason: str | None,
        stop_reason: int | str | None = None,
    ) -> RequestOutput:
        if not output.finished:  # as after an abort, which vLLM has closed itself
            self._send(None)
        if piece.stop is not None:
            finish_reason, stop_reason = "stop", piece.stop
        return self._output(output, piece, finish_reason, stop_reason)

    def _output(
        self,
        output: RequestOutput,
        piece: Piece,
        finish_reason: str | None = None,
        stop_reason: int | str | None = None,
    ) -> RequestOutput:
        visible, completion = copy(output), copy(output.outputs[0])
        completion.text = piece.text
        completion.token_ids = piece.token_ids
        completion.logprobs = None if completion.logprobs is None else piece.logprobs
        completion.finish_reason = finish_reason
        completion.stop_reason = stop_reason
        visible.outputs = [completion]
        visible.finished = finish_reason is not None
        visible.prompt_token_ids = self._prompt_token_ids
        visible.kv_transfer_params = None
        return visible


def _token_ids_of(prompt: Any) -> list[int]:
    """Token ids of a tokenized prompt, the only kind that vLLM's serving layer sends."""
    return list(prompt.get("prompt_token_ids") or ()) if isinstance(prompt, dict) else []
