import asyncio

import pytest
from scripted_bus import Worker, answers, dispatch, fails, make_bus

from intercept_core.bus.memory import InMemoryTransport


def test_retryable_failure_is_tried_once_more(run_virtual):
    async def main():
        worker = Worker(fails("worker_lost", retryable=True), answers)
        bus = make_bus(InMemoryTransport({"tool": worker}))
        accepted, result = await dispatch(bus)
        assert (accepted.attempt, result.attempt, result.text) == (2, 2, "42")
        first, second = worker.calls
        assert first.call_id == second.call_id
        assert bus.stats.retried == 1 and bus.stats.failed == {}
        await bus.close()

    run_virtual(main())


@pytest.mark.parametrize("max_attempts", [1, 2, 3])
def test_attempts_are_bounded(run_virtual, max_attempts):
    async def main():
        worker = Worker(*[fails("worker_lost", retryable=True)] * 5)
        bus = make_bus(InMemoryTransport({"tool": worker}), max_attempts=max_attempts)
        (failed,) = await dispatch(bus)
        assert failed.code == "worker_lost"
        assert len(worker.calls) == failed.attempt == max_attempts
        assert bus.stats.failed == {"worker_lost": 1}

    run_virtual(main())


def test_failure_that_is_not_retryable_is_final(run_virtual):
    async def main():
        worker = Worker(fails("bad_arguments", retryable=False), answers)
        bus = make_bus(InMemoryTransport({"tool": worker}))
        (failed,) = await dispatch(bus)
        assert failed.code == "bad_arguments" and len(worker.calls) == 1
        assert bus.stats.retried == 0

    run_virtual(main())


def test_no_retry_without_time_left(run_virtual):
    async def main():
        async def fails_late(call):
            await asyncio.sleep(9.99)
            yield call.failed("queue_full", "busy", retryable=True)

        worker = Worker(fails_late, answers)
        (failed,) = await dispatch(make_bus(InMemoryTransport({"tool": worker})))
        assert failed.code == "queue_full" and len(worker.calls) == 1

    run_virtual(main())


def test_cancelling_the_caller_during_the_backoff_starts_no_second_attempt(run_virtual):
    async def main():
        worker = Worker(fails("worker_lost", retryable=True), answers)
        bus = make_bus(InMemoryTransport({"tool": worker}))
        caller = asyncio.create_task(dispatch(bus))
        await asyncio.sleep(0.01)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert len(worker.calls) == 1
        await bus.close()

    run_virtual(main())


async def accepted_and_lost(call):
    yield call.accepted("w1")
    yield call.failed("worker_lost", "it broke", retryable=True)


@pytest.mark.parametrize("begun", [accepted_and_lost, fails("worker_lost", retryable=True)])
def test_a_call_that_may_have_begun_is_not_repeated_where_that_does_harm(run_virtual, begun):
    async def main():
        worker = Worker(begun, answers)
        bus = make_bus(InMemoryTransport({"tool": worker}), retry=False)
        *_, failed = await dispatch(bus)
        assert failed.code == "worker_lost" and len(worker.calls) == 1
        await bus.close()

    run_virtual(main())


def test_a_call_that_was_refused_may_always_be_sent_again(run_virtual):
    async def main():
        worker = Worker(fails("queue_full", retryable=True), answers)
        bus = make_bus(InMemoryTransport({"tool": worker}), retry=False)
        *_, result = await dispatch(bus)
        assert result.text == "42" and len(worker.calls) == 2
        await bus.close()

    run_virtual(main())


def test_an_augmentation_that_calls_itself_full_has_begun(run_virtual):
    async def main():
        async def full_inside(call):
            yield call.accepted("w1")
            yield call.failed("queue_full", "the disk", retryable=True)

        worker = Worker(full_inside, answers)
        bus = make_bus(InMemoryTransport({"tool": worker}), retry=False)
        *_, failed = await dispatch(bus)
        assert failed.code == "queue_full" and len(worker.calls) == 1
        await bus.close()

    run_virtual(main())
