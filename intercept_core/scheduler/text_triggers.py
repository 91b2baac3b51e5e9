"""Stops sessions right behind texts, as vLLM stops them at tokens.

vLLM looks for stop strings in its frontend, while the engine generates on. Here the
scheduler itself reads the text of the sessions that ask for it, token by token as they are
sampled, so that such a session stops on the very token that completes the text: whatever is
in flight then is dropped as after a stop token, and has influenced nothing.
"""

from functools import cached_property
from typing import Any

from vllm.tokenizers import TokenizerLike, cached_tokenizer_from_config
from vllm.v1.engine import EngineCoreOutputs
from vllm.v1.request import Request, RequestStatus

from intercept_core.scheduler.continued_text import ContinuedText
from intercept_core.scheduler.mark import SessionMark
from intercept_core.scheduler.text_call import KEY, TextCall
from intercept_core.scheduler.watched_turn import WatchedTurn


class TextTriggers:
    """The sessions whose text is read; costs nothing where there are none."""

    def __init__(self, model_config: Any) -> None:
        self._model_config = model_config
        self._turns: dict[str, WatchedTurn] = {}
        self._calls: dict[str, TextCall] = {}

    @cached_property
    def _tokenizer(self) -> TokenizerLike:
        # The engine has loaded it already, for structured outputs.
        return cached_tokenizer_from_config(self._model_config)

    @cached_property
    def _continued(self) -> ContinuedText:
        return ContinuedText(self._tokenizer)

    def begin_turn(self, request: Request) -> None:
        """Reads ``request`` from here on, if it is a session with such triggers."""
        mark = SessionMark.of(request)
        if mark is not None and mark.text_triggers:
            self._turns[request.request_id] = WatchedTurn(
                request, mark, self._tokenizer, self._continued
            )

    def forget(self, request_id: str) -> None:
        """Notes that a request has ended."""
        self._turns.pop(request_id, None)

    def cut(
        self, request: Request, new_token_ids: list[int], stopped: bool
    ) -> tuple[list[int], bool]:
        """Reads the tokens just sampled; cuts the context behind the first call in them.

        Args:
            request: Has them at its end already.
            new_token_ids: Shortened if they go on behind the call.
            stopped: Whether vLLM stops the request at the last of them.

        Returns:
            ``new_token_ids`` and whether the request stops.
        """
        turn = self._turns.get(request.request_id)
        if turn is None:
            return new_token_ids, stopped
        # The text of a stop token is no part of the turn.
        readable = len(new_token_ids)
        if stopped and request.status == RequestStatus.FINISHED_STOPPED:
            readable -= 1
        for count, token_id in enumerate(new_token_ids[:readable], 1):
            call = turn.feed(token_id)
            if call is None:
                continue
            _take_back(request, len(new_token_ids) - count + call.taken_back, call.put_back)
            mark = SessionMark.of(request)
            assert mark is not None
            request.status = RequestStatus.FINISHED_STOPPED
            request.stop_reason = mark.text_triggers[call.trigger].end
            self._calls[request.request_id] = call
            del new_token_ids[count:], self._turns[request.request_id]
            return new_token_ids, True
        return new_token_ids, stopped

    def uncomputed_tokens(self, request: Request) -> int:
        """Tokens at the end of a context that stopped just now which have no KV yet."""
        call = self._calls.get(request.request_id)
        return 1 if call is None else max(len(call.put_back), 1)

    def attach(self, outputs: dict[int, EngineCoreOutputs]) -> None:
        """Puts the calls on the outputs that end their turns."""
        if not self._calls:
            return
        for batch in outputs.values():
            for output in batch.outputs:
                if (call := self._calls.pop(output.request_id, None)) is not None:
                    # The one free-form field that reaches the request's RequestOutput.
                    output.kv_transfer_params = {
                        **(output.kv_transfer_params or {}),
                        KEY: call.as_dict(),
                    }
        self._calls.clear()


def _take_back(request: Request, count: int, put_back: list[int]) -> None:
    """Ends the context ``count`` tokens earlier, and there with ``put_back``."""
    if count:
        del request._output_token_ids[-count:], request._all_token_ids[-count:]
        # All anew: how many tokens a hash depends on differs between releases of vLLM.
        request.block_hashes.clear()
    request.append_output_token_ids(put_back)
