"""Requests whose words are scripted, to a real engine in this process's loop."""

import json
from collections.abc import Callable
from typing import Any

from vllm import SamplingParams
from vllm.outputs import RequestOutput
from vllm.sampling_params import RequestOutputKind

from intercept_core.engine.dialect_config import DialectConfig
from intercept_core.engine.interception import InterceptionChannel
from intercept_core.engine.llm import InterceptLLM
from loadtest.augmentations.scripted_calls import SCRIPT

MAX_MODEL_LEN = 256

PARK_DEADLINE_S = 15.0
"""More than a call takes that is answered, on however busy a machine."""

HANGS_S = 0.3
"""Deadline of calls that are to miss it."""

DIALECT = DialectConfig(result_prefix="[", result_suffix="]")


def call(name: str, **arguments: Any) -> str:
    """What the model writes to call a tool."""
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


class Runner:
    """Sends one request whose turns say what the test wants."""

    _number = 0

    def __init__(self, llm: InterceptLLM) -> None:
        self.llm = llm
        self.tokenizer = llm.get_tokenizer()
        self.channel = InterceptionChannel()

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    async def __call__(
        self,
        *turns: str,
        prompt: str = "What is it?",
        max_tokens: int = 200,
        kind: RequestOutputKind = RequestOutputKind.DELTA,
        on_output: Callable[[RequestOutput], None] = lambda output: None,
        extra: dict[str, Any] | None = None,
        turn_mark: str = "</tool_call>",
        **params: Any,
    ) -> list[RequestOutput]:
        Runner._number += 1
        (trigger,) = self.encode(turn_mark)
        end = self.tokenizer.eos_token_id
        script = [trigger, *([*self.encode(turn), end] for turn in turns)]
        self.llm.channels["test"] = self.channel
        extra_args = {
            SCRIPT: script,
            "augmentations": ["tool", "other", "strict", "hasty"],
            "intercept_channel": "test",
        }
        outputs = []
        async for output in self.llm.generate(
            {"type": "token", "prompt_token_ids": self.encode(prompt)},
            SamplingParams(
                max_tokens=max_tokens,
                output_kind=kind,
                extra_args=extra_args | (extra or {}),
                **({"temperature": 0} | params),
            ),
            f"request-{Runner._number}",
        ):
            on_output(output)
            outputs.append(output)
        return outputs


def text_of(outputs: list[RequestOutput]) -> str:
    """The client's text."""
    return "".join(output.outputs[0].text for output in outputs)
