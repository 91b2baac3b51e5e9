"""The loss counts what the assistant says and nothing else."""

from transformers import PreTrainedTokenizerBase

from deployments.models.dialogue import answer, call, dialogue, user
from deployments.models.encoding import IGNORED, DialogueEncoder

MADE = dialogue(
    "calculator",
    [user("What is 2+3?"), call("calculator", {"expression": "2+3"}, "5"), answer("It is 5.")],
)


def test_labels_are_the_assistants_turns(tokenizer: PreTrainedTokenizerBase) -> None:
    example = DialogueEncoder(tokenizer).encode(MADE)
    assert len(example.ids) == len(example.labels)
    counted = [token for token in example.labels if token != IGNORED]
    assert tokenizer.decode(counted) == (
        '<tool_call>\n{"name": "calculator", "arguments": {"expression": "2+3"}}\n</tool_call>'
        "<|im_end|>It is 5.<|im_end|>"
    )


def test_labels_stand_at_their_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    example = DialogueEncoder(tokenizer).encode(MADE)
    pairs = zip(example.ids, example.labels, strict=True)
    assert all(label in (IGNORED, token) for token, label in pairs)
