import asyncio

import pytest

from deployments.replica.engine_watch import EngineWatch

PATIENCE_S = 30.0


class Replica:
    def __init__(self):
        self.dead = False
        self.open = 0
        self.left = asyncio.Event()
        self._looked = 0

    def is_dead(self):
        self._looked += 1
        return self.dead

    def open_requests(self):
        self._looked += 1
        return self.open

    async def is_looked_at(self, times=5):
        """Until the watch has looked so many times more."""
        enough = self._looked + times
        async with asyncio.timeout(PATIENCE_S):
            while self._looked < enough:
                await asyncio.sleep(0)

    def watch(self, patience_s=PATIENCE_S):
        watch = EngineWatch(
            self.is_dead,
            self.open_requests,
            self.left.set,
            poll_s=0.001,
            patience_s=patience_s,
        )
        watch.start()
        return watch


@pytest.fixture
async def replica():
    return Replica()


async def test_it_leaves_when_the_engine_has_died(replica):
    replica.watch()
    await replica.is_looked_at()
    assert not replica.left.is_set()
    replica.dead = True
    async with asyncio.timeout(PATIENCE_S):
        await replica.left.wait()


async def test_open_requests_get_their_answers_first(replica):
    replica.dead, replica.open = True, 1
    replica.watch()
    await replica.is_looked_at()
    assert not replica.left.is_set()
    replica.open = 0
    async with asyncio.timeout(PATIENCE_S):
        await replica.left.wait()


async def test_requests_that_hang_do_not_keep_it(replica):
    replica.dead, replica.open = True, 1
    replica.watch(patience_s=0.01)
    async with asyncio.timeout(PATIENCE_S):
        await replica.left.wait()


async def test_an_engine_that_is_shut_down_has_not_died(replica):
    watch = replica.watch()
    await replica.is_looked_at()
    watch.stop()
    replica.dead = True
    async with asyncio.timeout(PATIENCE_S):
        await watch.ended()
    assert not replica.left.is_set()
