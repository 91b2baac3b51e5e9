from pathlib import Path

import pytest
from llama_tokenizer import llama_tokenizer
from random_llama import write_random_llama
from transformers import AutoTokenizer
from vllm.tokenizers import TokenizerLike

from intercept_core.engine.dialect import CallError, Dialect, ToolCall
from intercept_core.engine.dialect_config import DialectConfig
from intercept_core.engine.trigger_config import TriggerConfig


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> TokenizerLike:
    folder: Path = write_random_llama(tmp_path_factory.mktemp("tokenizer"))
    loaded: TokenizerLike = AutoTokenizer.from_pretrained(folder)
    return loaded


@pytest.fixture
def hermes(tokenizer: TokenizerLike) -> Dialect:
    return Dialect(DialectConfig(), tokenizer)


def test_the_trigger_is_the_token_that_ends_a_call(
    hermes: Dialect, tokenizer: TokenizerLike
) -> None:
    (token_id,) = hermes.trigger_token_ids
    assert tokenizer.decode([token_id]) == "</tool_call>"
    assert not hermes.ends_with_turn


def test_a_call_is_read_with_what_was_said_before_it(hermes: Dialect) -> None:
    said = 'Let me see. <tool_call>\n{"name": "calculator", "arguments": {"a": 1}}\n'
    assert hermes.parse(said) == ToolCall("calculator", {"a": 1})


def test_arguments_may_be_missing_or_a_string_of_json(hermes: Dialect) -> None:
    assert hermes.parse('<tool_call>{"name": "x"}') == ToolCall("x", {})
    said = '<tool_call>{"name": "x", "arguments": "{\\"a\\": 2}"}'
    assert hermes.parse(said) == ToolCall("x", {"a": 2})


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("no start at all", "must begin with <tool_call>"),
        ("<tool_call>{", "not valid JSON"),
        ("<tool_call>[]", "must be a JSON object"),
        ('<tool_call>{"arguments": {}}', "must be a JSON object"),
        ('<tool_call>{"name": "x", "arguments": []}', '"arguments" must be a JSON object'),
        ('<tool_call>{"name": "x", "arguments": "{"}', "not valid JSON in the arguments"),
    ],
)
def test_malformed_calls_are_explained(hermes: Dialect, said: str, message: str) -> None:
    with pytest.raises(CallError, match=message):
        hermes.parse(said)


@pytest.mark.parametrize(
    "text", ["</s><s>", "</tool_call>", "a<tool_call>b</tool_call>c", "<<tool_call>", ""]
)
def test_a_result_cannot_form_the_models_tags(
    hermes: Dialect, tokenizer: TokenizerLike, text: str
) -> None:
    tags = set(tokenizer.get_added_vocab().values())
    assert len(tags) >= 4
    plain = [token_id for token_id in hermes.encode_result("") if token_id in tags]
    encoded = hermes.encode_result(text)
    assert [token_id for token_id in encoded if token_id in tags] == plain
    assert tokenizer.decode(encoded) == hermes.result_text(text)


def test_a_trigger_of_several_tokens_is_refused(tokenizer: TokenizerLike) -> None:
    with pytest.raises(ValueError, match=r"dialect\.call_end: 'two words' is \d+ tokens"):
        Dialect(DialectConfig(call_end="two words"), tokenizer)


def test_without_a_trigger_a_parser_and_a_start_are_needed() -> None:
    with pytest.raises(ValueError, match=r"tool_parser: needed when call_end is null"):
        DialectConfig(call_end=None, call_start="{")
    with pytest.raises(ValueError, match=r"call_start: needed when call_end is null"):
        DialectConfig(call_end=None, tool_parser="hermes")


def test_endless_nesting_is_malformed(hermes: Dialect) -> None:
    with pytest.raises(CallError, match="not valid JSON"):
        hermes.parse("<tool_call>" + "[" * 100_000)


def test_vllms_parser_reads_a_whole_turn(tokenizer: TokenizerLike) -> None:
    config = DialectConfig(call_end=None, call_start="<tool_call>", tool_parser="hermes")
    dialect = Dialect(config, tokenizer)
    assert dialect.ends_with_turn
    assert dialect.parse("Just an answer.") is None
    said = '<tool_call>\n{"name": "x", "arguments": {"a": 1}}\n</tool_call>'
    assert dialect.parse(said) == ToolCall("x", {"a": 1})
    with pytest.raises(CallError, match="one call at a time"):
        dialect.parse(said + said)


@pytest.mark.parametrize("text", ["", "short", "wörter und Zeichen \N{SNOWMAN}", "</s>x"])
def test_a_result_within_the_limit_stays_as_it_is(hermes: Dialect, text: str) -> None:
    assert hermes.cut(text, None) == text
    assert hermes.cut(text, 100) == text


def test_a_short_result_needs_no_tokenizer(tokenizer: TokenizerLike) -> None:
    dialect = Dialect(DialectConfig(), tokenizer)
    del dialect.plain
    assert dialect.cut("12" * 64, 512) == "12" * 64


@pytest.mark.parametrize(
    "text", ["word " * 200, "\N{SNOWMAN}" * 200, "</tool_call>" * 50, "x" * 5000, " \n" * 300]
)
@pytest.mark.parametrize("limit", [1, 7, 40])
def test_a_longer_result_is_cut_to_the_limit_with_a_mark(
    hermes: Dialect, tokenizer: TokenizerLike, text: str, limit: int
) -> None:
    kept, mark, _ = hermes.cut(text, limit).partition(f"… [cut: limit {limit} tokens]")
    assert mark and text.startswith(kept)
    around = len(hermes.encode_result(""))
    assert len(hermes.encode_result(kept)) - around <= limit
    # One more word, and it would have been too long: little is lost.
    assert len(hermes.encode_result(text[: 2 * len(kept) + 20])) - around > limit


OBSERVED = TriggerConfig(
    start="S[", end="]", argument="query", result_prefix="\nObservation: ", result_suffix="\n"
)
CALCULATED = TriggerConfig(start="<<", end="=", argument="expression", result_suffix=">>")


@pytest.mark.parametrize("trigger", [OBSERVED, CALCULATED])
@pytest.mark.parametrize(
    "text", ["", "x", " x", "  ", "\nx\n", "](", "größer", "a</call></s>b</call>", "</call> ]"]
)
def test_no_space_comes_between_a_call_and_its_result(
    trigger: TriggerConfig, text: str
) -> None:
    """Llama's tokenizer puts one before any text that is encoded alone."""
    llama = llama_tokenizer()
    dialect = Dialect(DialectConfig(call_start=None), llama)
    call = llama.encode(f"{trigger.start}y{trigger.end}", add_special_tokens=False)
    context = [*call, *dialect.encode_result(text, trigger)]
    assert llama.decode(context) == llama.decode(call) + dialect.result_text(text, trigger)


def test_the_token_of_a_tag_is_that_without_a_space_before_it() -> None:
    llama = llama_tokenizer()
    dialect = Dialect(DialectConfig(call_start="x]", call_end="]"), llama)
    assert dialect.trigger_token_ids == {llama.convert_tokens_to_ids("]")}
    assert dialect.call_start_token_id == llama.convert_tokens_to_ids("x]")
