from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from llama_tokenizer import SPACE, llama_tokenizer
from tokenizers import AddedToken, pre_tokenizers
from transformers import AutoTokenizer

from intercept_core.scheduler.continued_text import ContinuedText

texts = st.text(st.one_of(st.sampled_from(" \n](x"), st.characters(exclude_characters=SPACE)))


def metaspace_tokenizer() -> Any:
    """The newer way to put the space there."""
    made = llama_tokenizer()
    made.backend_tokenizer.normalizer = None
    made.backend_tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
        SPACE, prepend_scheme="first", split=False
    )
    return made


TOKENIZERS = {"llama": llama_tokenizer(), "metaspace": metaspace_tokenizer()}


@pytest.mark.parametrize("name", TOKENIZERS)
@given(text=texts)
@example("")
@example(" x")
@example("\n\n")
@example("x](")
def test_nothing_is_put_before_the_text(name: str, text: str) -> None:
    tokenizer = TOKENIZERS[name]
    before = tokenizer.encode("Search[y", add_special_tokens=False)
    encoded = ContinuedText(tokenizer).encode(text)
    assert tokenizer.decode([*before, *encoded]) == f"Search[y{text}"


@pytest.mark.parametrize("text", ["", "]", " fox", "\n\nthe quick", "größer", "</tool_call>x"])
def test_where_nothing_would_be_put_the_text_is_encoded_alone(
    random_llama: Path, text: str
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(random_llama)
    alone = tokenizer.encode(text, add_special_tokens=False)
    assert ContinuedText(tokenizer).encode(text) == alone


def test_a_token_that_takes_in_the_space_before_it() -> None:
    tokenizer = llama_tokenizer()
    tokenizer.add_tokens([AddedToken("<call>", lstrip=True, normalized=False)])
    assert tokenizer.tokenize("\n<call>") == ["\n<call>"]
    encoded = ContinuedText(tokenizer).encode("<call>]")
    assert encoded[0] == tokenizer.convert_tokens_to_ids("<call>")


def test_an_unknown_text_is_not_lost() -> None:
    tokenizer = llama_tokenizer(byte_fallback=False)
    assert ContinuedText(tokenizer).encode("ß") == [tokenizer.unk_token_id]


def test_a_text_that_goes_with_all_others_is_encoded_alone() -> None:
    tokenizer = SimpleNamespace(
        encode=lambda text, add_special_tokens: [len(text)], decode=lambda token_ids: "\nx"
    )
    continued = ContinuedText(tokenizer)  # type: ignore[arg-type]
    assert continued.encode("]") == [1]
