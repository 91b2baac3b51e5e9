"""How the engine tells the scheduler that a request is an intercepted session."""

from dataclasses import dataclass
from typing import Any

from vllm.v1.request import Request

from intercept_core.scheduler.text_trigger import TextTrigger

_KEY = "intercept_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMark:
    """Rides in ``SamplingParams.extra_args``, the field vLLM passes through untouched.

    Attributes:
        key: The session's name outside the engine; ETA reports carry it.
        trigger_token_ids: A stop at one of these parks the request. Any other stop ends it.
        park_at_end_of_turn: Whether the end-of-sequence token parks it too, because only a
            parser outside the engine can tell whether the turn was a call.
        text_triggers: A call that one of these ends parks the request, cut right behind.
        other_call_start: Opens a call that none of ``text_triggers`` ends; None if there is
            no such text.
        kind: The augmentation whose result an input brings; None at the beginning.
    """

    key: str
    trigger_token_ids: frozenset[int]
    park_at_end_of_turn: bool
    text_triggers: tuple[TextTrigger, ...] = ()
    other_call_start: str | None = None
    kind: str | None = None

    def to_extra_args(self) -> dict[str, Any]:
        """The plain form that vLLM serializes."""
        return {
            _KEY: [
                self.key,
                sorted(self.trigger_token_ids),
                self.park_at_end_of_turn,
                [[trigger.start, trigger.end] for trigger in self.text_triggers],
                self.other_call_start,
                self.kind,
            ]
        }

    @classmethod
    def of(cls, request: Request) -> "SessionMark | None":
        """The mark of ``request``, or None for one that is not ours.

        Clients can fill ``extra_args`` of ordinary requests with what they like, but only the
        engine makes sessions.
        """
        if request.streaming_queue is None:
            return None
        params = request.sampling_params
        if params is None or not params.extra_args or _KEY not in params.extra_args:
            return None
        key, token_ids, park_at_end_of_turn, texts, other_start, kind = params.extra_args[_KEY]
        return cls(
            key=key,
            trigger_token_ids=frozenset(token_ids),
            park_at_end_of_turn=park_at_end_of_turn,
            text_triggers=tuple(TextTrigger(start, end) for start, end in texts),
            other_call_start=other_start,
            kind=kind,
        )

    def parks(self, stop_reason: int | str | None) -> bool:
        """Whether a turn that stopped for ``stop_reason`` awaits more input.

        ``stop_reason`` is vLLM's: the id of a stop token, a text, or None for the
        end-of-sequence token.
        """
        if stop_reason is None:
            return self.park_at_end_of_turn
        if isinstance(stop_reason, str):
            return any(trigger.end == stop_reason for trigger in self.text_triggers)
        return stop_reason in self.trigger_token_ids
