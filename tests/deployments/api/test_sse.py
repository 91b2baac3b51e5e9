import asyncio
import json

import pytest

from deployments.api.sse import SseWriter, interception_fields
from intercept_core.bus.messages import Artifact
from intercept_core.engine.interception import Interception, InterceptionChannel

FRAME = {"id": "before", "object": "chat.completion.chunk", "created": 1, "model": "m"}
VLLM_FRAME = {"id": "chat-7", "object": "chat.completion.chunk", "created": 7, "model": "m"}
EMPTY_CHOICE = {"index": 0, "delta": {}, "finish_reason": None}


def interception(**changes):
    fields = {
        "id": "call-1",
        "kind": "calculator",
        "arguments": {"expression": "1+1"},
        "state": "running",
        "seconds": 0.25,
        "context_tokens": 10,
    }
    return Interception(**(fields | changes))


def sse(**fields):
    return f"data: {json.dumps(VLLM_FRAME | fields, separators=(',', ':'))}\n\n"


def delta(**delta):
    return sse(choices=[{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}])


@pytest.fixture
def channel():
    return InterceptionChannel()


async def written(channel, items, show_results=False):
    """What comes out for vLLM's chunks and, published among them, interceptions."""

    async def chunks():
        for item in items:
            if isinstance(item, Interception):
                channel.publish(item)
            else:
                yield item

    writer = SseWriter(
        frame=FRAME, empty_choice=EMPTY_CHOICE, channel=channel, show_results=show_results
    )
    texts = [text async for text in writer.write(chunks())]
    assert all(text.endswith("\n\n") for text in texts)
    bodies = [text.removeprefix("data: ").strip() for text in texts]
    return [json.loads(body) if body.startswith("{") else body for body in bodies]


async def test_an_interception_is_a_chunk_like_any_other(channel):
    role, event, end = await written(
        channel, [delta(role="assistant", content=""), interception(), "data: [DONE]\n\n"]
    )
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert event == VLLM_FRAME | {
        "choices": [EMPTY_CHOICE],
        "interception": {
            "id": "call-1",
            "index": 0,
            "kind": "calculator",
            "arguments": {"expression": "1+1"},
            "state": "running",
            "seconds": 0.25,
            "context_tokens": 10,
        },
    }
    assert end == "[DONE]"


async def test_before_vllms_first_chunk_the_given_frame_is_used(channel):
    event, _ = await written(channel, [interception(), delta(content="x")])
    assert event["id"] == "before"


async def test_chunks_without_text_are_left_out(channel):
    texts = [delta(content="a"), delta(content=""), delta(), delta(content="b")]
    finish = sse(choices=[{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}])
    chunks = await written(channel, [*texts, finish])
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"content": "a"},
        {"content": "b"},
        {"content": ""},
    ]


async def test_chunks_of_tool_calls_and_token_ids_stay(channel):
    calls = delta(tool_calls=[{"index": 0, "function": {"name": "f"}}])
    ids = sse(choices=[{"index": 0, "delta": {"content": ""}, "token_ids": [5]}])
    assert len(await written(channel, [calls, ids])) == 2


async def test_usage_counts_what_vllm_cannot_see(channel):
    channel.augmentation_tokens, channel.hidden_tokens = 21, 30
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    (chunk,) = await written(channel, [sse(choices=[], usage=usage)])
    assert chunk["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 37,
        "total_tokens": 42,
        "augmentation_tokens": 21,
    }


async def test_errors_and_comments_pass_through(channel):
    error = 'data: {"error":{"message":"broken"}}\n\n'
    assert await written(channel, [error, ": keep-alive\n\n"]) == [
        {"error": {"message": "broken"}},
        ": keep-alive",
    ]


async def test_results_are_shown_on_request_only(channel):
    done = interception(state="succeeded", result="2")
    (hidden,) = await written(channel, [done])
    assert "result" not in hidden["interception"]
    (shown,) = await written(channel, [done], show_results=True)
    assert shown["interception"]["result"] == "2"


def test_fields_without_a_value_are_left_out():
    fields = interception_fields(
        interception(state="resumed", context="discarded", recomputed_tokens=0), False
    )
    assert fields["context"] == "discarded"
    assert fields["recomputed_tokens"] == 0
    assert not {"eta_s", "error", "fraction"} & fields.keys()


def test_artifacts_are_told_with_their_urls():
    artifact = Artifact(name="image-0123456789.png", content_type="image/png", size_bytes=3)
    made = interception(artifacts=(artifact,))
    assert interception_fields(made, False, "https://host/app/")["artifacts"] == [
        {
            "name": "image-0123456789.png",
            "content_type": "image/png",
            "size_bytes": 3,
            "url": "https://host/app/v1/artifacts/image-0123456789.png",
        }
    ]
    assert "artifacts" not in interception_fields(interception(), False)


async def test_a_stream_is_never_silent_for_long(channel):
    """So that a client who has gone is noticed while a request waits for a human."""
    answered = asyncio.Event()

    async def chunks():
        await answered.wait()
        yield delta(content="Tea.")

    writer = SseWriter(
        frame=FRAME,
        empty_choice=EMPTY_CHOICE,
        channel=channel,
        show_results=False,
        keep_alive_s=0.01,
    )
    texts = writer.write(chunks())
    async with asyncio.timeout(10):
        for _ in range(2):
            assert (await anext(texts)).startswith(": "), "a comment, which clients pass over"
        channel.publish(interception())
        while (text := await anext(texts)).startswith(":"):
            pass
        assert '"interception":' in text
        answered.set()
        while (text := await anext(texts)).startswith(":"):
            pass
        assert "Tea." in text
        with pytest.raises(StopAsyncIteration):
            await anext(texts)
