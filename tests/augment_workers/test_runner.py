import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augment_workers.base import Augmentation, AugmentationError
from augment_workers.calculator import Calculator
from augment_workers.leases import Leases
from augment_workers.runner import execute
from intercept_core.bus.messages import Accepted, Call, Event, Failed, Progress, Result

MakeCall = Callable[..., Call]
Script = Callable[[Call], AsyncIterator[Any]]
FAR_S = 60.0
SOON_S = 0.5
"""Late enough for work to have begun."""


class Scripted(Augmentation):
    """Does what a test's function does, and remembers whether that was closed."""

    kind = "scripted"
    description = "A test."
    parameters = {  # noqa: RUF012
        "type": "object",
        "properties": {"point": {"type": "array", "items": {"type": "integer"}}},
        "additionalProperties": False,
    }
    typical_duration_s = 0.1

    def __init__(self, script: Script) -> None:
        self._script = script
        self.started = asyncio.Event()
        self.closed = False

    async def run(self, call: Call) -> AsyncIterator[Event]:
        self.started.set()
        try:
            async with contextlib.aclosing(self._script(call)) as events:  # type: ignore[type-var]
                async for event in events:
                    yield event
        finally:
            self.closed = True


async def collect(
    augmentation: Augmentation, call: Call, *, limit: int = 8000, leases: Leases | None = None
) -> list[Event]:
    async with asyncio.timeout(FAR_S):
        stream = execute(
            augmentation, call, worker="w", result_limit_chars=limit, leases=leases
        )
        return [event async for event in stream]


async def answer(call: Call) -> AsyncIterator[Event]:
    yield call.progress(fraction=0.5, eta_s=1.0)
    yield call.result("42")


async def hang(call: Call) -> AsyncIterator[Event]:
    yield call.progress(fraction=0.1)
    await asyncio.Event().wait()


async def test_events_of_a_good_call(make_call: MakeCall) -> None:
    augmentation = Scripted(answer)
    assert await collect(augmentation, make_call(attempt=2)) == [
        Accepted(call_id="call", attempt=2, worker="w"),
        Progress(call_id="call", attempt=2, fraction=0.5, eta_s=1.0),
        Result(call_id="call", attempt=2, text="42"),
    ]
    assert augmentation.closed


async def test_calculator_through_the_runner(make_call: MakeCall) -> None:
    good = make_call(kind="calculator", arguments={"expression": "1,200*3"})
    assert (await collect(Calculator(), good))[-1] == good.result("3600")
    bad = make_call(kind="calculator", arguments={"expression": "1/0"})
    failed = (await collect(Calculator(), bad))[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.retryable) == ("tool_error", False)
    assert "division by zero" in failed.message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"points": []}, "arguments: .*'points' was unexpected"),
        ({"point": 3}, r"arguments\.point: 3 is not of type 'array'"),
        ({"point": [1, "x"]}, r"arguments\.point\[1\]: 'x' is not of type 'integer'"),
        ([], r"arguments: \[\] is not of type 'object'"),
    ],
)
async def test_bad_arguments_never_reach_the_augmentation(
    make_call: MakeCall, arguments: Any, message: str
) -> None:
    augmentation = Scripted(answer)
    events = await collect(augmentation, make_call(arguments=arguments))
    failed = events[-1]
    assert isinstance(failed, Failed) and failed.code == "bad_arguments"
    assert len(events) == 2 and not augmentation.started.is_set()
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(failed.message)


async def test_another_protocol_version_is_refused(make_call: MakeCall) -> None:
    failed = (await collect(Scripted(answer), make_call(version=99)))[-1]
    assert isinstance(failed, Failed) and failed.code == "protocol"
    assert "version 99" in failed.message


async def test_deadline(make_call: MakeCall) -> None:
    augmentation = Scripted(hang)
    events = await collect(augmentation, make_call(kind="scripted", timeout_s=SOON_S))
    assert events[-1] == make_call().failed(
        "deadline", "scripted did not answer within 0.5 s", retryable=False
    )
    assert augmentation.closed


async def test_deadline_of_work_that_swallows_its_cancellation(make_call: MakeCall) -> None:
    async def stubborn(call: Call) -> AsyncIterator[Event]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        yield call.result("too late")

    augmentation = Scripted(stubborn)
    failed = (await collect(augmentation, make_call(timeout_s=SOON_S)))[-1]
    assert isinstance(failed, Failed) and failed.code == "deadline"
    assert augmentation.closed


async def test_deadline_of_endless_progress(make_call: MakeCall) -> None:
    async def chatty(call: Call) -> AsyncIterator[Event]:
        while True:
            yield call.progress()

    failed = (await collect(Scripted(chatty), make_call(timeout_s=0.01)))[-1]
    assert isinstance(failed, Failed) and failed.code == "deadline"


async def test_lease_stops_work_without_a_caller(
    make_call: MakeCall, caplog: pytest.LogCaptureFixture
) -> None:
    leases = Leases()
    augmentation = Scripted(hang)
    failed = (await collect(augmentation, make_call(lease_s=SOON_S), leases=leases))[-1]
    assert isinstance(failed, Failed) and failed.code == "lease_expired"
    assert augmentation.closed and leases.held == 0
    assert "nobody renewed" in caplog.text


async def test_cancel_by_message(make_call: MakeCall) -> None:
    leases = Leases()
    augmentation = Scripted(hang)
    task = asyncio.create_task(collect(augmentation, make_call(), leases=leases))
    await augmentation.started.wait()
    leases.cancel("call")
    failed = (await task)[-1]
    assert isinstance(failed, Failed) and failed.code == "cancelled"
    leases.close()


async def test_cancelled_task_closes_the_augmentation(make_call: MakeCall) -> None:
    leases = Leases()
    augmentation = Scripted(hang)
    task = asyncio.create_task(collect(augmentation, make_call(), leases=leases))
    await augmentation.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert augmentation.closed and leases.held == 0
    leases.close()


async def test_closing_the_stream_closes_the_augmentation(make_call: MakeCall) -> None:
    augmentation = Scripted(hang)
    stream = execute(augmentation, make_call(), worker="w", result_limit_chars=10)
    assert isinstance(await anext(stream), Accepted)
    assert isinstance(await anext(stream), Progress)
    await stream.aclose()
    assert augmentation.closed


async def test_declared_errors_keep_code_and_retryability(make_call: MakeCall) -> None:
    async def busy(call: Call) -> AsyncIterator[Event]:
        raise AugmentationError("try later", code="busy", retryable=True)
        yield

    call = make_call()
    assert (await collect(Scripted(busy), call))[-1] == call.failed(
        "busy", "try later", retryable=True
    )


async def test_other_errors_are_logged_and_not_told(
    make_call: MakeCall, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(call: Call) -> AsyncIterator[Event]:
        raise KeyError("secret")
        yield

    call = make_call(kind="scripted")
    failed = (await collect(Scripted(broken), call))[-1]
    assert failed == call.failed("internal", "scripted raised KeyError")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None


async def test_nothing_is_a_failure_but_an_empty_result_is_none(make_call: MakeCall) -> None:
    async def nothing(call: Call) -> AsyncIterator[Event]:
        yield call.progress()

    async def empty(call: Call) -> AsyncIterator[Event]:
        yield call.result("")

    call = make_call(kind="scripted")
    assert (await collect(Scripted(nothing), call))[-1] == call.failed(
        "internal", "scripted returned nothing"
    )
    assert (await collect(Scripted(empty), call))[-1] == call.result("")


async def test_long_results_are_cut_visibly(make_call: MakeCall) -> None:
    async def long(call: Call) -> AsyncIterator[Event]:
        yield call.result("x" * 2**20)

    call = make_call()
    assert (await collect(Scripted(long), call, limit=5))[-1] == call.result(
        "xxxxx… [cut: 1048576 characters, limit 5]", truncated=True
    )
    assert (await collect(Scripted(long), call, limit=2**20))[-1] == call.result("x" * 2**20)


async def test_texts_can_be_encoded(make_call: MakeCall) -> None:
    async def surrogate(call: Call) -> AsyncIterator[Event]:
        yield call.result("a\ud800b")

    call = make_call()
    assert (await collect(Scripted(surrogate), call))[-1] == call.result("a?b")


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (lambda call: "text", "a str instead"),
        (lambda call: call.accepted("me"), "a Accepted instead"),
        (lambda call: call.result(42), "text is a int"),
        (lambda call: dataclasses.replace(call, attempt=7).result("x"), "attempt 7"),
    ],
)
async def test_events_that_do_not_belong(
    make_call: MakeCall, made: Callable[[Call], Any], fault: str
) -> None:
    async def odd(call: Call) -> AsyncIterator[Any]:
        yield made(call)

    failed = (await collect(Scripted(odd), make_call()))[-1]
    assert isinstance(failed, Failed) and failed.code == "internal"
    assert fault in failed.message


STEPS = ("progress", "result", "failed", "raise", "refuse", "hang", "odd", "wait", "cancel")


@given(steps=st.lists(st.sampled_from(STEPS), max_size=5), with_leases=st.booleans())
def test_exactly_one_terminal_event_and_nothing_after_it(
    make_call: MakeCall, steps: list[str], with_leases: bool
) -> None:
    async def main() -> None:
        leases = Leases() if with_leases else None

        async def script(call: Call) -> AsyncIterator[Any]:
            for step in steps:
                match step:
                    case "progress":
                        yield call.progress()
                    case "result":
                        yield call.result("x")
                    case "failed":
                        yield call.failed("tool_error", "no")
                    case "raise":
                        raise ValueError("no")
                    case "refuse":
                        raise AugmentationError("no")
                    case "hang":
                        await asyncio.Event().wait()
                    case "wait":
                        await asyncio.sleep(0)
                    case "cancel" if leases is not None:
                        leases.cancel("call")
                    case "odd":
                        yield None

        augmentation = Scripted(script)
        events = await collect(augmentation, make_call(timeout_s=0.002), leases=leases)
        assert isinstance(events[0], Accepted)
        assert all(isinstance(event, Progress) for event in events[1:-1])
        assert isinstance(events[-1], Result | Failed)
        assert augmentation.closed or not augmentation.started.is_set()
        if leases is not None:
            assert leases.held == 0
            leases.close()

    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(main())
    finally:
        logging.disable(logging.NOTSET)
