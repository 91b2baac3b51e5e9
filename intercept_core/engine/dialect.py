"""How a model writes a call and reads its result."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vllm.tokenizers import TokenizerLike
from vllm.tool_parsers import ToolParser, ToolParserManager

from intercept_core.engine.dialect_config import DialectConfig
from intercept_core.engine.plain_text import PlainText
from intercept_core.engine.trigger_config import TriggerConfig
from intercept_core.scheduler.continued_text import ContinuedText


class CallError(ValueError):
    """A call that cannot be understood; the message is for the model to read."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the model asked for."""

    name: str
    arguments: Mapping[str, Any]


class Dialect:
    """A :class:`DialectConfig` bound to a tokenizer.

    Args:
        config: The texts around calls and results.
        tokenizer: The model's.
        triggers: Texts that call an augmentation, by its name.

    Attributes:
        config: The texts.
        plain: Encodes what comes from tools.
        trigger_token_ids: Tokens that end a call; empty if calls end with the turn.
        call_start_token_id: The token of ``call_start``; None if it is several.

    Raises:
        ValueError: naming the field, if ``call_end`` is not one token.
        KeyError: if vLLM has no such parser.
    """

    def __init__(
        self,
        config: DialectConfig,
        tokenizer: TokenizerLike,
        triggers: Mapping[str, Sequence[TriggerConfig]] | None = None,
    ) -> None:
        self.config = config
        self._triggers = triggers or {}
        self._tokenizer = tokenizer
        self._continued = ContinuedText(tokenizer)
        self._parser: type[ToolParser] | None = None
        self.trigger_token_ids: frozenset[int] = frozenset()
        if config.call_start is None:
            pass  # there are text triggers alone
        elif config.call_end is None:
            assert config.tool_parser is not None  # the configuration has seen to it
            self._parser = ToolParserManager.get_tool_parser(config.tool_parser)
        else:
            self.trigger_token_ids = frozenset({self._single_token(config.call_end)})
        self.plain = PlainText(tokenizer)
        start_token_ids = self._continued.encode(config.call_start or "")
        self.call_start_token_id = start_token_ids[0] if len(start_token_ids) == 1 else None

    @property
    def ends_with_turn(self) -> bool:
        """Whether only the end of a turn can end a call."""
        return self._parser is not None

    def triggers_of(self, augmentations: Sequence[str]) -> list[tuple[str, TriggerConfig]]:
        """The texts that call one of ``augmentations``, each with its name."""
        return [(kind, one) for kind in augmentations for one in self._triggers.get(kind, ())]

    def parse(self, turn_text: str) -> ToolCall | None:
        """Reads the call in a turn that ended with a trigger.

        Args:
            turn_text: What the model wrote in this turn, without the trigger.

        Returns:
            The call, or None if the turn is an answer.

        Raises:
            CallError: if it is a call, but a malformed one.
        """
        if self._parser is not None:
            return self._parse_turn(self._parser, turn_text)
        assert self.config.call_start is not None  # else no token would end a call
        _, start, body = turn_text.rpartition(self.config.call_start)
        if not start:
            raise CallError(f"a call must begin with {self.config.call_start}")
        return _parse_json(body)

    def encode_result(self, text: str, trigger: TriggerConfig | None = None) -> list[int]:
        """Token ids to append to the context after a call that returned ``text``.

        The result is encoded apart from what surrounds it, and a tag in it is cut in two:
        no text of a tool can become a token that the model or the engine acts on.

        Args:
            text: The result.
            trigger: What ended the call, if it was a text.
        """
        around = trigger or self.config
        return [
            *self._continued.encode(around.result_prefix),
            *self.plain.encode(text),
            *self._continued.encode(around.result_suffix),
        ]

    def cut(self, text: str, limit: int | None) -> str:
        """``text``, or of a longer one the first ``limit`` tokens or a few less, and a mark.

        Args:
            text: A result.
            limit: Most tokens beside the mark; None for any number.
        """
        if limit is None or _has_at_most(limit, text):
            return text
        if (tokens := len(self.plain.encode(text))) <= limit:
            return text
        kept = text
        # Tokens do not say where in the text they end, and some end inside a character.
        while tokens > limit:
            kept = kept[: min(len(kept) * limit // tokens, len(kept) - 1)]
            tokens = len(self.plain.encode(kept))
        return f"{kept}… [cut: limit {limit} tokens]"

    def result_text(self, text: str, trigger: TriggerConfig | None = None) -> str:
        """The same as text, for clients that see calls inline."""
        around = trigger or self.config
        return f"{around.result_prefix}{text}{around.result_suffix}"

    def _single_token(self, text: str) -> int:
        token_ids = self._continued.encode(text)
        if len(token_ids) != 1:
            raise ValueError(
                f"dialect.call_end: {text!r} is {len(token_ids)} tokens for this model, and "
                "must be one; set dialect.call_end to null and dialect.tool_parser instead"
            )
        return token_ids[0]

    def _parse_turn(self, parser: type[ToolParser], turn_text: str) -> ToolCall | None:
        from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

        request = ChatCompletionRequest(messages=[], model="")
        extracted = parser(self._tokenizer).extract_tool_calls(turn_text, request)
        if not extracted.tools_called:
            return None
        if len(extracted.tool_calls) > 1:
            raise CallError(f"make one call at a time, not {len(extracted.tool_calls)}")
        function = extracted.tool_calls[0].function
        return ToolCall(function.name, _arguments(function.arguments))


def _has_at_most(limit: int, text: str) -> bool:
    """Whether so much is sure without the tokenizer, which takes longer than a calculator.

    An ASCII character gives four tokens at most: the bytes of another in its place.
    """
    return 4 * len(text) <= limit and text.isascii()


def _parse_json(body: str) -> ToolCall:
    call = _json(body, "call")
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise CallError('a call must be a JSON object with a "name" and "arguments"')
    return ToolCall(call["name"], _arguments(call.get("arguments", {})))


def _arguments(arguments: Any) -> Mapping[str, Any]:
    if isinstance(arguments, str):  # some models write them as a string of JSON
        arguments = _json(arguments or "{}", "arguments")
    if not isinstance(arguments, dict):
        raise CallError('"arguments" must be a JSON object')
    return arguments


def _json(text: str, what: str) -> Any:
    """Reads JSON that can be written again: no NaN, no infinity, no half of a character."""
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise CallError(f"not valid JSON in the {what}: {error}") from None
    return value
