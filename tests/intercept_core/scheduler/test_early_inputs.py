"""A result that is there before its call has been seen, at the worst moments."""

import itertools

import pytest
from checked_engine import TRIGGER, CheckedEngine
from modelless import Kind
from vllm import SamplingParams
from vllm.v1.request import Request

from intercept_core.scheduler.mark import SessionMark

MARK = SessionMark(key="s", trigger_token_ids=frozenset({TRIGGER}), park_at_end_of_turn=False)
PARAMS = {"temperature": 0, "max_tokens": 5, "ignore_eos": True}


def send(engine: CheckedEngine, token_ids: list[int], *, resumable: bool = True) -> None:
    params = SamplingParams(
        **PARAMS,
        stop_token_ids=[TRIGGER],
        extra_args=MARK.to_extra_args() if resumable else None,
    )
    request = Request("session", token_ids, params, None, resumable=resumable)
    engine.scheduler.add_request(request)


@pytest.fixture(params=[False, True], ids=["ran on", "preempted"])
def calling(request: pytest.FixtureRequest) -> tuple[CheckedEngine, object]:
    """A session whose call and whose next input are both on their way."""
    kind = Kind(
        policy="preserve",
        asynchronous=True,
        runner_v2=True,
        depth=1,
        caching=False,
        device_blocks=20,
        host_blocks=0,
    )
    engine = CheckedEngine(kind, seed=1)
    engine.worker.trigger_share = 1.0
    send(engine, [5] * 20)
    return engine, request.param


@pytest.mark.parametrize("closing", [False, True], ids=["input", "closing message"])
def test_it_is_taken_up_after_the_stop(
    calling: tuple[CheckedEngine, bool], closing: bool
) -> None:
    engine, preempted = calling
    engine.schedule()
    if closing:
        send(engine, [0], resumable=False)
    else:
        send(engine, [6] * 3)
    if preempted:
        scheduler = engine.scheduler
        (request,) = scheduler.running
        scheduler.running.clear()
        scheduler._preempt_request(request, 0.0)
    (item,) = engine.update(engine.run())
    assert item.stop_reason == TRIGGER
    engine.worker.trigger_share = 0.0
    outputs = []
    for _ in itertools.takewhile(lambda _: engine.has_work, range(50)):
        engine.schedule()
        while engine.due:
            outputs += engine.update(engine.run())
    assert not engine.scheduler.requests
    assert len(outputs) == (0 if closing else PARAMS["max_tokens"])
