from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from engine_runner import DIALECT, HANGS_S, MAX_MODEL_LEN, PARK_DEADLINE_S, Runner
from random_llama import write_random_llama
from scripted_tools import ScriptedTools
from vllm.engine.arg_utils import AsyncEngineArgs

from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.route import Route
from intercept_core.engine.llm import InterceptLLM


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def llm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[InterceptLLM]:
    """One real engine in its own process, whose texts a test can script."""
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
        logits_processors=["loadtest.augmentations.scripted_calls:ScriptedCalls"],
        additional_config={"intercept": {"park_deadline_s": PARK_DEADLINE_S}},
    )
    llm = InterceptLLM.from_engine_args(args)
    yield llm
    llm.shutdown()


@pytest.fixture
def tools() -> ScriptedTools:
    return ScriptedTools()


@pytest_asyncio.fixture(loop_scope="session")
async def run(llm: InterceptLLM, tools: ScriptedTools) -> AsyncIterator[Runner]:
    """Runs scripted requests; afterwards nothing may be parked and no block missing."""
    kinds = (*tools.KINDS, "strict", "short", "hasty")
    transport = InMemoryTransport(dict.fromkeys(kinds, tools.run))
    route = Route(transport=transport, timeout_s=60.0, lease_s=60.0)
    strict = replace(route, ends_on_timeout=True)
    routes = dict.fromkeys(tools.KINDS, route) | {"strict": strict}
    routes["short"] = replace(route, result_limit_tokens=5)
    routes["hasty"] = replace(route, timeout_s=HANGS_S)
    bus = InterceptBus(routes, grace_s=0.0)
    llm.attach(bus, DIALECT)
    before = await llm.snapshot()
    yield Runner(llm)
    await bus.close()
    after = await llm.snapshot()
    assert after["parked"] == {}
    assert after["requests"] == 0
    assert after["free_blocks"] == before["free_blocks"]
