import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from random_llama import write_random_llama
from scripted_tools import ScriptedTools
from vllm import SamplingParams
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.outputs import RequestOutput
from vllm.sampling_params import RequestOutputKind

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.route import Route
from intercept_core.engine.dialect_config import DialectConfig
from intercept_core.engine.interception import InterceptionChannel
from intercept_core.engine.llm import InterceptLLM

MAX_MODEL_LEN = 256

DIALECT = DialectConfig(result_prefix="[", result_suffix="]")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def llm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[InterceptLLM]:
    """One real engine in its own process, whose texts a test can script."""
    support = Path(__file__).parents[2] / "support"
    os.environ["PYTHONPATH"] = f"{support}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    args = AsyncEngineArgs(
        model=str(write_random_llama(tmp_path_factory.mktemp("model"))),
        dtype="float32",
        max_model_len=MAX_MODEL_LEN,
        enforce_eager=True,
        max_num_seqs=4,
        block_size=32,
        num_gpu_blocks_override=65,
        async_scheduling=True,
        scheduler_cls="intercept_core.scheduler.InterceptAsyncScheduler",
        logits_processors=["scripted_logits:ScriptedLogits"],
    )
    llm = InterceptLLM.from_engine_args(args)
    yield llm
    llm.shutdown()


@pytest.fixture
def tools() -> ScriptedTools:
    return ScriptedTools()


@pytest_asyncio.fixture(loop_scope="session")
async def run(llm: InterceptLLM, tools: ScriptedTools) -> AsyncIterator["Runner"]:
    """Runs scripted requests; afterwards nothing may be parked and no block missing."""
    transport = InMemoryTransport(dict.fromkeys((*tools.KINDS, "strict", "short"), tools.run))
    route = Route(transport=transport, timeout_s=0.3, lease_s=10.0)
    strict = replace(route, ends_on_timeout=True)
    routes = dict.fromkeys(tools.KINDS, route) | {"strict": strict}
    routes["short"] = replace(route, result_limit_tokens=5)
    bus = InterceptBus(routes, grace_s=0.0)
    llm.attach(bus, DIALECT)
    before = await llm.snapshot()
    yield Runner(llm)
    await bus.close()
    after = await llm.snapshot()
    assert after["parked"] == {}
    assert after["requests"] == 0
    assert after["free_blocks"] == before["free_blocks"]


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
            "script": script,
            "augmentations": ["tool", "other", "strict"],
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
