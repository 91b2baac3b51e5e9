"""Replicas that hang cost the answers of their own, and nobody's threads."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from deployments.broadcast import ask_all

PATIENCE_S = 30.0


class Hanging:
    """Replicas that answer when they are let go."""

    deployment_name = "LLMReplica"

    def __init__(self):
        self.asked = threading.Semaphore(0)
        self.let_go = threading.Event()

    def broadcast(self, method):
        return self

    def results(self, timeout_s, return_exceptions):
        self.asked.release()
        assert self.let_go.wait(PATIENCE_S)
        return ["done"]


async def test_replicas_that_hang_leave_the_threads_of_others_alone():
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    handle = Hanging()
    asked = [asyncio.create_task(ask_all(handle, "questions")) for _ in range(3)]
    try:
        async with asyncio.timeout(PATIENCE_S / 2):
            for _ in asked:  # so all three are waited for at the same time
                assert await asyncio.to_thread(handle.asked.acquire, timeout=PATIENCE_S / 3)
    finally:
        handle.let_go.set()
    assert await asyncio.gather(*asked) == [["done"]] * 3
