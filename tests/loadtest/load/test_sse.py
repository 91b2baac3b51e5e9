import itertools
import json

import pytest
from chunked import END, HEAD, chunk, line_reader
from geventhttpclient.response import HTTPParseError

from deployments.api.sse import SseWriter
from intercept_core.engine.interception import Interception, InterceptionChannel
from loadtest.load.sse import Chunk, ServerError, Told, TruncatedStream, read_chunks

TEXT = {"choices": [{"index": 0, "delta": {"content": "Wait é. "}, "finish_reason": None}]}
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"completion_tokens": 21}}
CALL = {
    "choices": [{"index": 0, "delta": {}, "finish_reason": None}],
    "interception": {
        "id": "1",
        "kind": "calculator",
        "state": "failed",
        "seconds": 0.5,
        "error": "tool_error: division by zero: 1/0",
    },
}
TOLD = Told("1", "calculator", "failed", 0.5, "tool_error: division by zero: 1/0")


def event(body):
    data = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return f"data: {data}\n\n"


def read(pieces):
    clock = itertools.count(1.0).__next__
    return list(read_chunks(line_reader(pieces), clock))


WHOLE = [event(body) for body in (TEXT, CALL, STOP, USAGE, "[DONE]")]
CHUNKS = [
    Chunk(1.0, text="Wait é. "),
    Chunk(2.0, told=TOLD),
    Chunk(3.0, finish_reason="stop"),
    Chunk(4.0, completion_tokens=21),
]


def test_events_become_chunks():
    assert read([HEAD, *map(chunk, WHOLE), END]) == CHUNKS
    assert TOLD.error_code == "tool_error"


@pytest.mark.parametrize("size", [1, 3, 7, 64])
def test_however_the_bytes_are_cut(size):
    body = HEAD + b"".join(map(chunk, WHOLE)) + END
    assert read([body[at : at + size] for at in range(0, len(body), size)]) == CHUNKS


def test_a_chunk_is_there_before_the_next_has_come():
    come = []

    def pieces():
        for number, piece in enumerate([HEAD, *map(chunk, WHOLE), END]):
            come.append(number)
            yield piece

    chunks = read_chunks(line_reader(pieces()), lambda: 0.0)
    assert next(chunks).text == "Wait é. "
    assert come == [0, 1]


def test_comments_and_other_lines_of_the_protocol_mean_nothing():
    lines = [": ping\n\n", "event: message\n", *WHOLE]
    assert read([HEAD, *map(chunk, lines), END]) == CHUNKS


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([TEXT], "in the middle of the answer"),
        ([TEXT, CALL], "in the middle of the answer"),
        ([TEXT, STOP], r"before \[DONE\]"),
        ([TEXT, "[DONE]"], "without a finish_reason"),
        ([], "in the middle"),
    ],
)
def test_a_stream_that_ends_too_early_is_told(events, message):
    with pytest.raises(TruncatedStream, match=message):
        read([HEAD, *(chunk(event(body)) for body in events), END])


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_connection_that_is_lost_is_told(cut):
    body = b"".join(map(chunk, WHOLE[:2]))
    with pytest.raises(HTTPParseError, match="Incomplete response"):
        read([HEAD, body[:-cut]])


def test_an_error_in_the_stream_is_told():
    error = {"error": {"message": "the engine has failed", "code": 500}}
    with pytest.raises(ServerError, match="the engine has failed"):
        read([HEAD, chunk(event(TEXT)), chunk(event(error)), END])


def test_an_event_that_is_no_json_is_told():
    with pytest.raises(ServerError, match="not JSON: b'<html>'"):
        read([HEAD, chunk(event("<html>")), END])


async def test_what_the_server_writes_is_understood():
    call = Interception(
        id="1",
        kind="image",
        arguments={"prompt": "a red circle"},
        state="succeeded",
        seconds=0.25,
        context_tokens=30,
    )
    channel = InterceptionChannel()
    frame = {"id": "r", "object": "chat.completion.chunk", "created": 1, "model": "m"}

    async def vllms():
        yield event(frame | TEXT)
        channel.publish(call)
        channel.publish(call.changed(state="resumed", context="preserved"))
        channel.hidden_tokens = 9
        yield event(frame | STOP)
        yield event(frame | {"choices": [], "usage": USAGE["usage"] | {"total_tokens": 30}})
        yield event("[DONE]")

    writer = SseWriter(
        frame=frame,
        empty_choice={"index": 0, "delta": {}, "finish_reason": None},
        channel=channel,
        show_results=False,
    )
    written = [chunk(text) async for text in writer.write(vllms())]
    said, called, resumed, stopped, used = read([HEAD, *written, END])
    assert said.text == "Wait é. "
    assert called.told == Told("1", "image", "succeeded", 0.25)
    assert resumed.told == Told("1", "image", "resumed", 0.25)
    assert stopped.finish_reason == "stop"
    assert used.completion_tokens == 30, "hidden calls included"
