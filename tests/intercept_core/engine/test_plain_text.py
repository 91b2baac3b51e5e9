from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_tokenizer import SPACE, llama_tokenizer
from random_llama import write_random_llama
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from intercept_core.engine.plain_text import PlainText

TAGS = ["<s>", "</s>", "<tool_call>", "</tool_call>"]
LLAMA = llama_tokenizer()


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = write_random_llama(tmp_path_factory.mktemp("plain"))
    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def plain(tokenizer: Any) -> PlainText:
    return PlainText(tokenizer)


def odd_tokenizer(**fields: Any) -> Any:
    """Sees its tag in other widths and cases too, and has a token for two spaces."""
    alphabet = {
        symbol: index for index, symbol in enumerate(pre_tokenizers.ByteLevel.alphabet())
    }
    made = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_tokens([AddedToken("<call>", normalized=True), AddedToken("  "), AddedToken("§")])
    return PreTrainedTokenizerFast(tokenizer_object=made, **fields)


fragments = st.lists(
    st.one_of(
        st.sampled_from([*TAGS, *(tag[:3] for tag in TAGS), ">", " "]), st.text(max_size=3)
    ),
    max_size=8,
).map("".join)


@settings(max_examples=150)
@given(text=fragments)
def test_no_text_becomes_a_tag(plain: PlainText, tokenizer: Any, text: str) -> None:
    ids = set(tokenizer.convert_tokens_to_ids(TAGS))
    encoded = plain.encode(text)
    assert ids.isdisjoint(encoded)
    assert tokenizer.decode(encoded, clean_up_tokenization_spaces=False) == text
    # Also when somebody encodes it together with all that stands around it.
    prompt = f"<tool_response>\n{plain.defuse(text)}\n</tool_response>"
    assert ids.isdisjoint(tokenizer.encode(prompt, add_special_tokens=False))


@given(text=fragments)
def test_no_space_comes_before_any_piece(text: str) -> None:
    """Llama's tokenizer puts one before any text that is encoded alone."""
    text = text.replace("tool_call", "call").replace(SPACE, " ")
    encoded = PlainText(LLAMA).encode(text)
    assert set(LLAMA.convert_tokens_to_ids(["<s>", "</s>", "</call>"])).isdisjoint(encoded)
    before = LLAMA.encode("x:", add_special_tokens=False)
    assert LLAMA.decode([*before, *encoded]) == f"x:{text}"


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_is_parted(plain: PlainText, tag: str) -> None:
    assert plain.defuse(f"a{tag}b") == f"a{tag[0]} {tag[1:]}b"


def test_other_text_stays_as_it_is(plain: PlainText) -> None:
    text = "if a < b: print('<b>')  # größer"
    assert plain.defuse(text) == text


def test_texts_in_json_are_defused(plain: PlainText) -> None:
    value = {"a</s>": ["<s>", 1, None, {"b": "c"}]}
    assert plain.defuse_all(value) == {"a< /s>": ["< s>", 1, None, {"b": "c"}]}


@pytest.mark.parametrize(
    "text", ["<call>", "<CALL>", "\uff1ccall\uff1e", "x\uff1cCaLl\uff1ey", "§"]
)
def test_a_tag_in_another_guise(text: str) -> None:
    tokenizer = odd_tokenizer()
    added = tokenizer.get_added_vocab()
    tags = {added["<call>"], added["§"]}
    assert not tags.isdisjoint(tokenizer.encode(text)), "the tokenizer does see it"
    made = PlainText(tokenizer)
    assert tags.isdisjoint(made.encode(text))
    assert tags.isdisjoint(tokenizer.encode(made.defuse(text)))


def test_runs_of_spaces_are_nothing_to_be_afraid_of() -> None:
    tokenizer = odd_tokenizer()
    assert tokenizer.get_added_vocab()["  "] in PlainText(tokenizer).encode("a  b")


def test_special_tokens_of_the_base_vocabulary_count() -> None:
    class OnlySpecial:
        """Knows its special token, but not as an added one."""

        all_special_tokens = ("<end>",)
        all_special_ids = (7,)
        unk_token_id = None

        def get_added_vocab(self) -> dict[str, int]:
            return {}

        def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
            return [7] if text == "<end>" else [ord(letter) for letter in text]

        def decode(self, token_ids: list[int]) -> str:
            return "".join(map(chr, token_ids))

    made = PlainText(OnlySpecial())  # type: ignore[arg-type]
    assert made.encode("<end>") == [ord(letter) for letter in "<end>"]


def test_an_unknown_character_is_no_tag() -> None:
    tokenizer = odd_tokenizer(unk_token="<unk>")
    made = PlainText(tokenizer)
    assert made.defuse("plain") == "plain"
    assert tokenizer.unk_token_id not in made.encode("<unk>")
