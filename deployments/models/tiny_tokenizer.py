"""The tiny model's own tokenizer: 2,048 byte-level pieces, every digit by itself."""

import json
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from deployments.models.markup import TAGS, TEXT_END, TURN_END, TURN_START

VOCABULARY_SIZE = 2048
_ALONE = Regex(r'\d| |\n|["*+\-/()=,.:{}_]')
"""Copying is what this model can do, and it copies best what is always cut the same way."""


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Learns the pieces from ``texts``, which hold no tags."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_ALONE, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[TEXT_END, TURN_START, TURN_END, *TAGS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    learned = json.loads(tokenizer.to_str())
    for token in learned["added_tokens"]:
        token["special"] = token["content"] not in TAGS
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(learned)),
        eos_token=TURN_END,
        pad_token=TEXT_END,
        clean_up_tokenization_spaces=False,
    )
