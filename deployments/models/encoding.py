"""From a dialogue to token ids and to what the loss counts."""

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from deployments.models.dialogue import Dialogue
from deployments.models.markup import GENERATION_PROMPT, TURN_END

IGNORED = -100
"""The label that cross entropy skips."""


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of a whole dialogue and the labels of its assistant turns."""

    ids: list[int]
    labels: list[int]


class DialogueEncoder:
    """Renders dialogues with the template that serves and marks what the model must say.

    A label is set from the first token of each assistant turn to its end tag, the end tag
    included: after a tool call the engine appends that tag itself, but a client's replay
    goes through the model like any other prompt. A turn with ``"weight": 0`` has none.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._opening = tokenizer.encode(GENERATION_PROMPT, add_special_tokens=False)
        self._end = tokenizer.convert_tokens_to_ids(TURN_END)

    def encode(self, dialogue: Dialogue) -> Example:
        """Tokenises ``dialogue`` and labels the assistant's turns."""
        text = self._tokenizer.apply_chat_template(
            list(dialogue.messages), tools=dialogue.openai_tools, tokenize=False
        )
        ids = self._tokenizer.encode(text, add_special_tokens=False)
        labels = [IGNORED] * len(ids)
        size, inside = len(self._opening), False
        weights = (m.get("weight", 1) for m in dialogue.messages if m["role"] == "assistant")
        weight = 0
        for i, token in enumerate(ids):
            if not inside:
                inside = i + 1 >= size and ids[i + 1 - size : i + 1] == self._opening
                weight = next(weights) if inside else 0
                continue
            if weight:
                labels[i] = token
            inside = token != self._end
        return Example(ids, labels)
