"""A tokenizer of Llama 2's kind, which puts a space before whatever is encoded alone."""

from string import printable
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
"""What stands for a space in the vocabulary."""

MERGES = (
    ("]", "("),
    (SPACE, "]("),
    (SPACE, "]"),
    ("x", "]"),
    (SPACE, "x"),
    (SPACE, "S"),
    ("e", "a"),
    ("r", "c"),
    ("=", "4"),
    (">", ">"),
    (SPACE, SPACE),
)


def llama_tokenizer(*, byte_fallback: bool = True) -> Any:
    """BPE over printable ASCII and bytes; ``</call>`` is one token.

    Args:
        byte_fallback: Whether other characters are bytes, and not one unknown token.
    """
    vocabulary = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), SPACE]
    vocabulary += [letter for letter in printable if not letter.isspace()]
    vocabulary += [left + right for left, right in MERGES]
    made = Tokenizer(
        models.BPE(
            vocab={token: token_id for token_id, token in enumerate(vocabulary)},
            merges=list(MERGES),
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=byte_fallback,
        )
    )
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)]
    )
    made.decoder = decoders.Sequence(
        [
            decoders.Replace(SPACE, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    made.add_tokens([AddedToken("</call>", normalized=False)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
