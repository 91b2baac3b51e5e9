import pytest
from recorded_metrics import RecordedMetrics

from deployments.metrics.worker_metrics import WorkerMetrics
from intercept_core.bus.messages import Call


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


CALL = Call(
    call_id="c",
    request_id="r",
    session_id="s",
    kind="tool",
    arguments={},
    timeout_s=5.0,
    lease_s=1.0,
)


@pytest.fixture
def registry():
    return RecordedMetrics()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def metrics(registry, clock):
    return WorkerMetrics(registry, clock)


def test_a_worker_without_calls_says_so(metrics, registry):
    assert registry.values["worker_running_calls",] == [0]
    assert registry.values["worker_waiting_calls",] == [0]


def test_load(metrics, registry):
    metrics.load(2, 1)
    assert registry.values["worker_running_calls",][-1] == 2
    assert registry.values["worker_waiting_calls",][-1] == 1


def test_a_call_that_succeeds(metrics, registry, clock):
    with metrics.call("tool") as watch:
        watch.begin(0.25)
        assert watch.see(CALL.progress(0.5)) == CALL.progress(0.5)
        clock.now_s += 3
        watch.see(CALL.result("42"))
    assert registry.total("worker_calls", "tool", "succeeded") == 1
    assert registry.values["worker_queue_seconds", "tool"] == [0.25]
    assert registry.values["worker_work_seconds", "tool"] == [3]


@pytest.mark.parametrize("code", ["lease_expired", "deadline", "tool_error"])
def test_a_call_that_fails(metrics, registry, code):
    with metrics.call("tool") as watch:
        watch.begin(0.0)
        watch.see(CALL.failed(code, "why"))
    assert registry.total("worker_calls", "tool", code) == 1


def test_a_call_that_is_refused_takes_no_time(metrics, registry):
    with metrics.call("tool") as watch:
        watch.see(CALL.failed("queue_full", "why"))
    assert registry.total("worker_calls", "tool", "queue_full") == 1
    assert ("worker_work_seconds", "tool") not in registry.values


def test_a_call_without_an_outcome_is_abandoned(metrics, registry):
    with pytest.raises(GeneratorExit), metrics.call("tool") as watch:
        watch.begin(0.0)
        raise GeneratorExit
    assert registry.total("worker_calls", "tool", "abandoned") == 1
    assert registry.values["worker_work_seconds", "tool"] == [0]
