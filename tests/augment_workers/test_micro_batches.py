import asyncio
import threading
from contextlib import aclosing

import pytest

from augment_workers.base import AugmentationError
from augment_workers.micro_batches import Abandoned, MicroBatches, Step

PATIENCE_S = 30.0


class Work:
    """Turns a text into its bytes in three steps, each when the test says so."""

    steps = 3

    def __init__(self):
        self.batches = []
        self.abandoned = threading.Event()
        self.may_step = threading.Semaphore(0)

    def __call__(self, texts, on_step):
        self.batches.append(list(texts))
        for step in range(1, self.steps + 1):
            assert self.may_step.acquire(timeout=PATIENCE_S)
            if not on_step(step / self.steps, float(self.steps - step)):
                self.abandoned.set()
                raise Abandoned
        return [AugmentationError("no!") if text == "bad" else text.encode() for text in texts]

    def go(self, batches=1):
        self.may_step.release(self.steps * batches)

    async def began(self, batches=1):
        async with asyncio.timeout(PATIENCE_S):
            while len(self.batches) < batches:
                await asyncio.sleep(0.001)


@pytest.fixture
def work():
    return Work()


@pytest.fixture
async def batches(work):
    made = MicroBatches(work, batch_size=3, wait_s=0.02)
    yield made
    made.close()
    work.go(10)


async def file_of(batches, text):
    async with asyncio.timeout(PATIENCE_S):
        *_, file = [step async for step in batches.steps(text)]
    return file


async def test_what_comes_together_is_done_together(batches, work):
    work.go(2)
    files = await asyncio.gather(*(file_of(batches, f"text {n}") for n in range(5)))
    assert files == [f"text {n}".encode() for n in range(5)]
    assert [len(batch) for batch in work.batches] == [3, 2]


async def test_what_comes_later_waits_for_the_next_batch(batches, work):
    first = asyncio.create_task(file_of(batches, "first"))
    await work.began()
    second = asyncio.create_task(file_of(batches, "second"))
    work.go(2)
    assert await asyncio.gather(first, second) == [b"first", b"second"]
    assert work.batches == [["first"], ["second"]]


async def test_steps_tell_how_far_the_work_is(batches, work):
    seen = []
    async with aclosing(batches.steps("text")) as steps:
        async for step in steps:
            seen.append(step)
            work.may_step.release()
    assert seen == [
        Step(0.0, None),
        Step(1 / 3, 2.0),
        Step(2 / 3, 1.0),
        Step(1.0, 0.0),
        b"text",
    ]


async def test_later_calls_know_what_a_batch_takes(batches, work):
    work.go()
    await file_of(batches, "first")
    async with aclosing(batches.steps("second")) as steps:
        assert (await anext(steps)).eta_s > 0
        work.go()


async def test_one_failure_is_not_the_others(batches, work):
    work.go()
    bad, good = await asyncio.gather(
        file_of(batches, "bad"), file_of(batches, "good"), return_exceptions=True
    )
    assert isinstance(bad, AugmentationError) and good == b"good"
    assert len(work.batches) == 1


async def test_the_work_ends_when_all_have_left(batches, work):
    async with aclosing(batches.steps("text")) as steps:
        await anext(steps)
        await work.began()
    work.may_step.release()
    assert await asyncio.to_thread(work.abandoned.wait, PATIENCE_S)
    work.go()
    assert await file_of(batches, "next") == b"next", "the thread is free again"


async def test_the_work_goes_on_for_those_who_stay(batches, work):
    staying = asyncio.create_task(file_of(batches, "staying"))
    async with aclosing(batches.steps("leaving")) as steps:
        await anext(steps)
        await work.began()
    work.go()
    assert await staying == b"staying"
    assert [sorted(batch) for batch in work.batches] == [["leaving", "staying"]]


async def test_who_leaves_before_the_work_is_not_worked_for(batches, work):
    first = asyncio.create_task(file_of(batches, "first"))
    await work.began()
    async with aclosing(batches.steps("leaving")) as steps:
        await anext(steps)
    work.go(2)
    assert await first == b"first"
    assert await file_of(batches, "last") == b"last"
    assert work.batches == [["first"], ["last"]]


async def test_closing_ends_calls_and_work(batches, work):
    call = asyncio.create_task(file_of(batches, "text"))
    await work.began()
    batches.close()
    with pytest.raises(AugmentationError, match="stops"):
        await call
    work.may_step.release()
    assert await asyncio.to_thread(work.abandoned.wait, PATIENCE_S)
