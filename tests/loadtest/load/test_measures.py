import pytest

from loadtest.load.measures import Timeline
from loadtest.load.sse import Chunk, Told


def told(state, seconds=0.0, error=None, name="1", kind="calculator"):
    return Told(name, kind, state, seconds, error)


def measured(*chunks, sent_s=10.0, end_s=20.0):
    timeline = Timeline(sent_s)
    for chunk in chunks:
        timeline.add(chunk)
    return timeline.end(end_s)


SCRIPT = (
    Chunk(10.5, text="Let"),
    Chunk(10.75, text=" me see."),
    Chunk(11.0, told=told("running")),
    Chunk(13.0, told=told("succeeded", seconds=2.0)),
    Chunk(13.25, told=told("resumed", seconds=2.0)),
    Chunk(13.5, text="It"),
    Chunk(13.625, text=" is 42."),
    Chunk(13.625, finish_reason="stop"),
    Chunk(13.625, completion_tokens=30),
)


def test_a_request_with_one_interception():
    measures = measured(*SCRIPT, end_s=14.0)
    assert measures.ttft_s == 0.5
    assert measures.gaps_s == [0.25, 0.125], "and not the gap around the call"
    assert measures.resumes_s == [0.25]
    assert measures.augmented_s == 2.0
    assert measures.end_to_end_s == 4.0
    assert measures.normalized_s == pytest.approx((4.0 - 2.0) / 30)
    assert measures.fault is None


def test_a_request_whose_first_words_are_a_call():
    measures = measured(
        Chunk(11.0, told=told("running")),
        Chunk(12.0, told=told("failed", 1.0, "bad_arguments: expression is missing")),
        Chunk(12.5, told=told("resumed", 1.0, "bad_arguments: expression is missing")),
        Chunk(12.75, told=told("running", name="2")),
        Chunk(13.0, told=told("succeeded", 0.25, name="2")),
        Chunk(13.5, told=told("resumed", 0.25, name="2")),
        Chunk(14.0, text="Done.", finish_reason="stop", completion_tokens=10),
    )
    assert measures.ttft_s == 1.0
    assert measures.gaps_s == []
    assert measures.resumes_s == [0.5, 0.5]
    assert [call.error_code for call in measures.calls] == ["bad_arguments", None]
    assert measures.augmented_s == 1.25
    assert measures.fault is None, "the model's, not the server's"


def test_reports_of_progress_are_no_results():
    measures = measured(
        Chunk(11.0, told=told("running")),
        Chunk(12.0, told=told("running", 1.0)),
        Chunk(13.0, told=told("succeeded", 2.0)),
        Chunk(13.5, told=told("resumed", 2.0)),
        Chunk(14.0, finish_reason="stop"),
    )
    assert measures.resumes_s == [0.5]
    assert measures.augmented_s == 2.0


@pytest.mark.parametrize("code", ["deadline", "worker_lost", "queue_full", "internal"])
def test_calls_that_the_server_could_not_do_are_faults(code):
    failed = told("failed", 1.0, f"{code}: sorry", kind="image")
    measures = measured(Chunk(11.0, told=failed), Chunk(12.0, finish_reason="stop"))
    assert measures.fault == f"image failed: {code}"


def test_an_answer_that_the_server_has_ended_is_a_fault():
    measures = measured(Chunk(11.0, text="It"), Chunk(12.0, finish_reason="abort"))
    assert measures.fault == "the server ended the answer: abort"
