"""Settings of a dialect, apart from it: reading them does not take importing vLLM."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class DialectConfig(BaseModel):
    r"""The text around calls and results; the default is Hermes in ChatML.

    Attributes:
        call_start: Text at which a call begins. Everything from there to the end of the
            call is kept from chat clients. None: the model calls by the triggers of the
            augmentations alone; the other fields mean nothing then.
        call_end: Text of the one token that ends a call and triggers the interception.
            None: a call ends with the model's turn, and ``tool_parser`` reads it.
        tool_parser: Name of the vLLM tool parser that reads a turn; only without
            ``call_end``.
        result_prefix: Text between the call and its result.
        result_suffix: Text between the result and what the model writes next.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    call_start: str | None = Field(default="<tool_call>", min_length=1)
    call_end: str | None = "</tool_call>"
    tool_parser: str | None = None
    result_prefix: str = "<|im_end|>\n<|im_start|>tool\n<tool_response>\n"
    result_suffix: str = "\n</tool_response><|im_end|>\n<|im_start|>assistant\n"

    @model_validator(mode="after")
    def _parser_knows_its_calls(self) -> Self:
        if self.call_end is not None or self.call_start is None:
            return self
        if self.tool_parser is None:
            raise ValueError(
                "tool_parser: needed when call_end is null; name one of vLLM's tool parsers, "
                "e.g. llama3_json"
            )
        if "call_start" not in self.model_fields_set:
            raise ValueError(
                "call_start: needed when call_end is null; give the text with which this "
                "model's calls begin, or clients would see them"
            )
        return self
