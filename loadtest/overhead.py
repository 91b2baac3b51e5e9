"""What the replica adds to requests without augmentations, against vLLM's own server.

Both servers run at the same time with the same engine arguments; one rests while the other
is measured, in turn. ``python -m loadtest.overhead --help``
"""

import argparse
import asyncio
import random
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from loadtest.pairs import measure_pairs
from loadtest.servers import first_application, infercept_server, vllm_server

WORDS = ("river", "stone", "cloud", "seven", "table", "green", "paper", "house", "winter")


def main() -> None:
    """Measures and prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("configs/demo.yaml"))
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--max-tokens", type=int, default=32)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--port", type=int, default=8100, help="and the one after it")
    arguments = parser.parse_args()
    model = first_application(arguments.config).public_name
    with ExitStack() as stack:
        ours = stack.enter_context(infercept_server(arguments.config, arguments.port))
        theirs = stack.enter_context(vllm_server(arguments.config, arguments.port + 1))
        load = Load(model, arguments.requests, arguments.concurrency, arguments.max_tokens)
        for url in (ours, theirs):
            load.run(url)  # warm-up
        print(
            f"{arguments.requests} streamed chat requests, {arguments.concurrency} at a time, "
            f"{arguments.max_tokens} tokens each, {arguments.config}",
            flush=True,
        )
        pairs = measure_pairs(
            ("infercept", "vllm"),
            lambda: load.run(ours),
            lambda: load.run(theirs),
            pairs=arguments.pairs,
            say=lambda text: print(text, flush=True),
        )
    print(pairs.report())


class Load:
    """The same requests for both sides.

    Args:
        model: Name of the served model.
        requests: How many.
        concurrency: How many at a time.
        max_tokens: Tokens that each generates, no fewer.
    """

    def __init__(self, model: str, requests: int, concurrency: int, max_tokens: int) -> None:
        rng = random.Random(1)
        self._bodies = [
            {
                "model": model,
                "messages": [{"role": "user", "content": " ".join(rng.choices(WORDS, k=40))}],
                "max_tokens": max_tokens,
                "temperature": 0,
                "ignore_eos": True,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
            for _ in range(requests)
        ]
        self._concurrency = concurrency
        self._tokens = requests * max_tokens

    def run(self, url: str) -> float:
        """Sends all requests; returns the seconds until the last has ended."""
        return asyncio.run(self._run(url))

    async def _run(self, url: str) -> float:
        slots = asyncio.Semaphore(self._concurrency)
        async with httpx.AsyncClient(base_url=url, timeout=300.0) as client:
            started_at_s = time.perf_counter()
            tokens = await asyncio.gather(
                *(self._one(client, slots, body) for body in self._bodies)
            )
            seconds = time.perf_counter() - started_at_s
        if sum(tokens) != self._tokens:
            raise RuntimeError(f"{url} generated {sum(tokens)} tokens, not {self._tokens}")
        return seconds

    async def _one(
        self, client: httpx.AsyncClient, slots: asyncio.Semaphore, body: dict[str, object]
    ) -> int:
        usage = ""
        async with slots, client.stream("POST", "/v1/chat/completions", json=body) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                if '"usage":{' in line:
                    usage = line
        return int(usage.partition('"completion_tokens":')[2].partition("}")[0].split(",")[0])


if __name__ == "__main__":
    main()
