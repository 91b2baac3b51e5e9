"""One turn of a session whose calls end with a text."""

from types import SimpleNamespace

from vllm.tokenizers import TokenizerLike
from vllm.v1.engine.detokenizer import IncrementalDetokenizer
from vllm.v1.request import Request

from intercept_core.scheduler.continued_text import ContinuedText
from intercept_core.scheduler.mark import SessionMark
from intercept_core.scheduler.text_call import TextCall
from intercept_core.scheduler.text_watch import TextWatch

PRIMING_TOKENS = 32
"""Tokens of the context that tell how the first token of a turn is written (some
tokenizers drop the space before the first word of a text)."""


class WatchedTurn:
    """Turns tokens into text as vLLM's frontend does, and looks for calls in it.

    Args:
        request: Has the context so far.
        mark: What ends its calls.
        tokenizer: The model's.
        continued: Encodes with it.
    """

    def __init__(
        self,
        request: Request,
        mark: SessionMark,
        tokenizer: TokenizerLike,
        continued: ContinuedText,
    ) -> None:
        self._tokenizer = tokenizer
        self._continued = continued
        self._watch = TextWatch(mark.text_triggers, mark.other_call_start)
        self._text_of = IncrementalDetokenizer.from_new_request(
            tokenizer,
            SimpleNamespace(  # type: ignore[arg-type]  # all that it reads of a request
                request_id=request.request_id,
                sampling_params=request.sampling_params,
                prompt_token_ids=list(request.all_token_ids[-PRIMING_TOKENS:]),
                prompt_embeds=None,
            ),
        )
        assert request.sampling_params is not None
        self._skip_special_tokens = request.sampling_params.skip_special_tokens
        self._tokens = 0
        self._settled_tokens = 0

    def feed(self, token_id: int) -> TextCall | None:
        """Adds a token of the model; returns the call that it completes.

        The context is cut behind the last token that ends at or before the cut. Where that
        leaves a text up to the cut, it is encoded anew. Several tokens can be taken
        back where they are parts of one character.
        """
        settled_chars = len(self._watch.text)
        self._text_of.update([token_id], stop_terminated=False)
        piece = self._text_of.get_next_output_text(finished=False, delta=True)
        self._tokens += 1
        found = self._watch.feed(piece) if piece else None
        if found is None:
            settled = self._settled_tokens == self._tokens - 1
            if piece or (settled and self._is_never_shown(token_id)):
                self._settled_tokens = self._tokens
            return None
        tail = self._watch.text[settled_chars : found.end]
        exact = found.end == len(self._watch.text)
        put_back = [] if exact else self._continued.encode(tail)
        return TextCall(
            trigger=found.trigger,
            argument=found.argument,
            tail=tail,
            taken_back=0 if exact else self._tokens - self._settled_tokens,
            put_back=put_back,
        )

    def _is_never_shown(self, token_id: int) -> bool:
        """Tells a special token from one that begins a character."""
        return not self._tokenizer.decode(
            [token_id], skip_special_tokens=self._skip_special_tokens
        )
