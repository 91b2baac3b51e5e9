"""Serving, inline resumption and a client's replay must give the same tokens."""

import json
from random import Random
from typing import Any

import pytest
from transformers import PreTrainedTokenizerBase

from deployments.models.dialogue import Dialogue, answer, call, dialogue, openai_tool, user
from deployments.models.dialogues import GENERATORS, draw
from deployments.models.markup import TAGS, TURN_END, inserted

CALL = '<tool_call>\n{"name": "calculator", "arguments": {"expression": "12*7"}}\n</tool_call>'
MESSAGES = [user("What is 12 * 7?"), *call("calculator", {"expression": "12*7"}, "84")]


def render(tokenizer: PreTrainedTokenizerBase, messages: list[Any], **options: Any) -> str:
    return tokenizer.apply_chat_template(messages, tokenize=False, **options)


def test_each_tag_is_one_token_that_decoding_keeps(tokenizer: PreTrainedTokenizerBase) -> None:
    for tag in TAGS:
        ids = tokenizer.encode(tag, add_special_tokens=False)
        assert len(ids) == 1
        assert tokenizer.decode(ids, skip_special_tokens=True) == tag


def test_no_message_of_the_system_without_tools(tokenizer: PreTrainedTokenizerBase) -> None:
    assert render(tokenizer, [user("Hi")], add_generation_prompt=True) == (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_tools_are_listed_by_name(
    tokenizer: PreTrainedTokenizerBase, system: str | None
) -> None:
    messages = [{"role": "system", "content": system}] if system else []
    tools = [openai_tool("calculator"), openai_tool("retrieval")]
    text = render(tokenizer, [*messages, user("Hi")], tools=tools)
    own = f"{system}\n" if system else ""
    assert text == (
        f"<|im_start|>system\n{own}Tools: calculator, retrieval<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n"
    )


def test_rendered_messages_are_prompt_call_and_insertion(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    prompt = render(tokenizer, MESSAGES[:1], add_generation_prompt=True)
    parts = [prompt, CALL, inserted("84"), f"The answer is 84.{TURN_END}"]
    replayed = render(tokenizer, [*MESSAGES, answer("The answer is 84.")])
    assert "".join(parts) + "\n" == replayed
    assert render(tokenizer, MESSAGES, add_generation_prompt=True) == "".join(parts[:3])


def test_arguments_may_be_json_text(tokenizer: PreTrainedTokenizerBase) -> None:
    as_text = json.loads(json.dumps(MESSAGES))
    function = as_text[1]["tool_calls"][0]["function"]
    function["arguments"] = json.dumps(function["arguments"])
    assert render(tokenizer, as_text) == render(tokenizer, MESSAGES)


def segments(tokenizer: PreTrainedTokenizerBase, made: Dialogue) -> list[str]:
    """The pieces in which a server comes by the tokens of ``made``."""
    pieces, rendered = [], ""
    for i, message in enumerate(made.messages):
        if message["role"] != "assistant":
            continue
        prompt = render(
            tokenizer,
            list(made.messages[:i]),
            tools=made.openai_tools,
            add_generation_prompt=True,
        )
        spoken = render(tokenizer, list(made.messages[: i + 1]), tools=made.openai_tools)
        end = "</tool_call>" if message.get("tool_calls") else TURN_END
        said = spoken[len(prompt) : spoken.rindex(end) + len(end)]
        pieces += [prompt[len(rendered) :], said]
        rendered = prompt + said
    return pieces


def test_tokens_do_not_depend_on_the_pieces(tokenizer: PreTrainedTokenizerBase) -> None:
    rng = Random(3)
    kinds = [kind for kind in GENERATORS for _ in range(2 if kind == "alfworld" else 8)]
    for kind in kinds:
        pieces = segments(tokenizer, draw(rng, "train", kind))
        apart = [
            token
            for piece in pieces
            for token in tokenizer.encode(piece, add_special_tokens=False)
        ]
        whole = tokenizer.encode("".join(pieces), add_special_tokens=False)
        assert apart == whole


def test_calls_in_one_turn_are_parted_by_a_line_break(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    twice = dialogue("calculator", [*MESSAGES])
    both = {**twice.messages[1], "tool_calls": twice.messages[1]["tool_calls"] * 2}
    text = render(tokenizer, [both])
    assert text == f"<|im_start|>assistant\n{CALL}\n{CALL}<|im_end|>\n"
