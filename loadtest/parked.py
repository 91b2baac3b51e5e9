"""The time to the first token of a new request, on an idle engine and among parked ones.

The engine has fewer slots than there are parked requests. ``python -m loadtest.parked --help``
"""

import argparse
import asyncio
import itertools
import os
import statistics
import time
from collections.abc import AsyncIterator

from vllm import SamplingParams
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.sampling_params import RequestOutputKind

from deployments.models import resolve
from intercept_core.bus.bus import InterceptBus
from intercept_core.bus.memory import InMemoryTransport
from intercept_core.bus.messages import Call, Event
from intercept_core.bus.route import Route
from intercept_core.engine.dialect_config import DialectConfig
from intercept_core.engine.llm import InterceptLLM
from loadtest.pairs import Pairs

KIND = "calculator"
ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # one process fewer on the CPU
    "OMP_NUM_THREADS": "1",
}
PARK_TIMEOUT_S = 60.0


def main() -> None:
    """Measures and prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tiny-tools")
    parser.add_argument("--slots", type=int, default=4, help="max_num_seqs")
    parser.add_argument("--parked", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--probes", type=int, default=10, help="new requests a round")
    arguments = parser.parse_args()
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)  # vLLM reads it when the engine starts
    seconds = asyncio.run(measure(arguments))
    print(
        f"time to first token, max_num_seqs={arguments.slots}, {arguments.parked} parked "
        f"requests, {arguments.probes} probes a round"
    )
    print(Pairs(("among parked", "idle engine"), seconds).report())


async def measure(arguments: argparse.Namespace) -> list[tuple[float, float]]:
    """Median seconds ``(among parked, idle)`` of each round."""
    llm = InterceptLLM.from_engine_args(
        AsyncEngineArgs(
            model=resolve(arguments.model),
            dtype="float32",
            max_model_len=512,
            max_num_seqs=arguments.slots,
            enforce_eager=True,
            async_scheduling=True,
            scheduler_cls="intercept_core.scheduler.InterceptAsyncScheduler",
        )
    )
    bench = Bench(llm)
    try:
        await bench.median_ttft_s(arguments.probes)  # warm-up
        rounds = []
        for number in range(arguments.rounds):
            idle_s = await bench.median_ttft_s(arguments.probes)
            parked = await bench.park(arguments.parked)
            among_s = await bench.median_ttft_s(arguments.probes)
            await bench.release(parked)
            rounds.append((among_s, idle_s))
            print(f"round {number + 1}: idle {idle_s:.4f} s, among {among_s:.4f} s", flush=True)
        return rounds
    finally:
        await bench.close()
        llm.shutdown()


class Bench:
    """One engine whose only tool answers when told.

    Args:
        llm: The engine; the bench attaches its own bus.
    """

    def __init__(self, llm: InterceptLLM) -> None:
        self._llm = llm
        self._answer = asyncio.Event()
        route = Route(
            transport=InMemoryTransport({KIND: self._work}), timeout_s=600.0, lease_s=60.0
        )
        self._bus = InterceptBus({KIND: route})
        llm.attach(self._bus, DialectConfig())
        self._numbers = itertools.count(100)

    async def close(self) -> None:
        """Ends the bus."""
        await self._bus.close()

    async def park(self, count: int) -> list[asyncio.Task[None]]:
        """Starts ``count`` requests and waits until all of them are parked."""
        self._answer.clear()
        tasks = [asyncio.create_task(self._generate(tools=True)) for _ in range(count)]
        async with asyncio.timeout(PARK_TIMEOUT_S):
            while len((await self._llm.snapshot())["parked"]) < count:
                await asyncio.sleep(0.01)
        return tasks

    async def release(self, tasks: list[asyncio.Task[None]]) -> None:
        """Answers the parked requests and waits until they have ended."""
        self._answer.set()
        async with asyncio.timeout(PARK_TIMEOUT_S):
            await asyncio.gather(*tasks)

    async def median_ttft_s(self, probes: int) -> float:
        """Median seconds to the first token of new requests, one after the other."""
        return statistics.median([await self._ttft_s() for _ in range(probes)])

    async def _ttft_s(self) -> float:
        started_at_s = time.perf_counter()
        await self._generate(tools=False)
        return time.perf_counter() - started_at_s

    async def _generate(self, *, tools: bool) -> None:
        number = next(self._numbers)
        tokenizer = self._llm.get_tokenizer()
        prompt_token_ids = tokenizer.apply_chat_template(
            [{"role": "user", "content": f"What is {number} times 7?"}],
            tools=[{"type": "function", "function": {"name": KIND}}],
            add_generation_prompt=True,
            return_dict=False,
        )
        params = SamplingParams(
            temperature=0,
            max_tokens=200 if tools else 1,
            output_kind=RequestOutputKind.DELTA,
            extra_args={"augmentations": [KIND]} if tools else None,
        )
        prompt = {"type": "token", "prompt_token_ids": prompt_token_ids}
        async for _ in self._llm.generate(prompt, params, f"request-{number}"):
            pass

    async def _work(self, call: Call) -> AsyncIterator[Event]:
        yield call.accepted("bench")
        await self._answer.wait()
        yield call.result("7")


if __name__ == "__main__":
    main()
