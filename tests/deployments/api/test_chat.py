import asyncio
import json

import pytest
from fake_serving import FakeServing, http_request
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.entrypoints.serve.engine.protocol import ErrorInfo, ErrorResponse
from vllm.exceptions import VLLMValidationError

from deployments.api.chat import InterceptingChat
from deployments.api.server_tools import ServerTools
from deployments.config import AugmentationSection

CALCULATOR = {"type": "function", "function": {"name": "calculator"}}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {}}}


def request(**fields):
    messages = [{"role": "user", "content": "What is 6*7?"}]
    return ChatCompletionRequest.model_validate({"messages": messages, "model": "m"} | fields)


class Shouting:
    """Stands in for what keeps tags out of text; easily seen."""

    def defuse(self, text):
        return text.upper()

    def defuse_all(self, value):
        if isinstance(value, list):
            return [{**part, "text": self.defuse(part["text"])} for part in value]
        return self.defuse(value)


@pytest.fixture
def vllm():
    return FakeServing()


@pytest.fixture
async def chat(vllm):
    section = AugmentationSection(type="calculator")
    tools = await ServerTools.of({"calculator": section, "abacus": section})
    return InterceptingChat(vllm, tools, vllm.channels, Shouting())


def names(request):
    return [tool.function.name for tool in request.tools]


async def test_a_request_without_augmentations_is_vllms_own(chat, vllm):
    for asked in (request(), request(tools=[WEATHER]), request(stream=True)):
        response = await chat.create_chat_completion(asked, http_request())
        assert vllm.request is asked
        assert getattr(response, "interceptions", None) is None


async def test_the_rest_is_vllms(chat):
    assert chat.other_attribute == "vLLM's"


async def test_a_tool_turns_its_augmentation_on(chat, vllm):
    asked = request(tools=[CALCULATOR])
    response = await chat.create_chat_completion(asked, http_request())
    xargs = vllm.request.vllm_xargs
    assert xargs["augmentations"] == ["calculator"]
    assert xargs["client_tools"] == []
    assert xargs["show_calls"] == 0
    (told,) = response.model_dump()["interceptions"]
    assert (told["kind"], told["state"], told["seconds"]) == ("calculator", "succeeded", 0.5)
    assert "result" not in told
    assert asked.vllm_xargs is None, "the client's request is not changed"
    assert vllm.channels == {}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("public_url", [None, "https://example.com/llm"])
async def test_files_are_told_where_the_client_reaches_them(vllm, stream, public_url):
    tools = await ServerTools.of({"calculator": AugmentationSection(type="calculator")})
    chat = InterceptingChat(vllm, tools, vllm.channels, Shouting(), public_url)
    asked = request(tools=[CALCULATOR], stream=stream)
    response = await chat.create_chat_completion(asked, http_request())
    if stream:
        chunks = [json.loads(text[6:]) async for text in response if "artifacts" in text]
        (told,) = (chunk["interception"] for chunk in chunks)
    else:
        (told,) = response.model_dump()["interceptions"]
    (artifact,) = told["artifacts"]
    base_url = public_url or "http://server.example"
    assert artifact["url"] == f"{base_url}/v1/artifacts/calculator-0123456789.png"


async def test_usage_counts_apart(chat):
    response = await chat.create_chat_completion(request(tools=[CALCULATOR]))
    usage = response.model_dump(exclude_none=True)["usage"]
    assert usage == {
        "prompt_tokens": 4,
        "completion_tokens": 7,
        "total_tokens": 11,
        "augmentation_tokens": 9,
    }


async def test_a_tool_given_by_name_is_described_by_the_server(chat, vllm):
    await chat.create_chat_completion(request(tools=[CALCULATOR]))
    (tool,) = vllm.request.tools
    assert tool.function.description
    assert "expression" in tool.function.parameters["properties"]


async def test_the_clients_description_stays(chat, vllm):
    function = {"name": "calculator", "description": "Mine.", "parameters": {"type": "object"}}
    await chat.create_chat_completion(request(tools=[CALCULATOR | {"function": function}]))
    (tool,) = vllm.request.tools
    assert (tool.function.description, tool.function.parameters) == (
        "Mine.",
        {"type": "object"},
    )


@pytest.mark.parametrize(
    ("xargs", "headers"),
    [
        ({"augmentations": ["abacus"]}, {}),
        ({"augmentations": "abacus"}, {}),
        (None, {"x_infercept_augmentations": "abacus"}),
    ],
)
async def test_xarg_and_header_turn_on_and_list_the_tool(chat, vllm, xargs, headers):
    await chat.create_chat_completion(request(vllm_xargs=xargs), http_request(**headers))
    assert vllm.request.vllm_xargs["augmentations"] == ["abacus"]
    assert names(vllm.request) == ["abacus"]
    assert vllm.request.tool_choice == "none"


async def test_all_of_them(chat, vllm):
    asked = request(tools=[WEATHER])
    await chat.create_chat_completion(asked, http_request(x_infercept_augmentations="all"))
    assert names(vllm.request) == ["weather", "calculator", "abacus"]
    assert vllm.request.vllm_xargs["client_tools"] == ["weather"]


async def test_vllms_parser_looks_for_calls_of_the_client_only(chat, vllm):
    await chat.create_chat_completion(request(tools=[CALCULATOR]))
    assert vllm.request.tool_choice == "none"
    await chat.create_chat_completion(request(tools=[CALCULATOR, WEATHER]))
    assert vllm.request.tool_choice == "auto"


async def test_a_client_that_forbids_calls_gets_none(chat, vllm):
    asked = request(
        tools=[CALCULATOR], tool_choice="none", vllm_xargs={"augmentations": "calculator"}
    )
    response = await chat.create_chat_completion(asked)
    assert vllm.request.vllm_xargs is None
    assert not hasattr(response, "interceptions")


@pytest.mark.parametrize(
    ("fields", "headers", "part"),
    [
        ({"vllm_xargs": {"augmentations": "abbacus"}}, {}, "it has: calculator, abacus"),
        ({"vllm_xargs": {"augmentations": 3}}, {}, "must be a list of names"),
        ({}, {"x_infercept_augmentations": "x"}, "x-infercept-augmentations: x: not an"),
        ({"tools": [CALCULATOR], "n": 2}, {}, "n: must be 1"),
        ({"tools": [CALCULATOR], "use_beam_search": True}, {}, "use_beam_search"),
        ({"tools": [CALCULATOR], "tool_choice": "required"}, {}, "tool_choice"),
        ({"tools": [CALCULATOR], "tool_choice": CALCULATOR}, {}, "tool_choice"),
        ({"tools": [CALCULATOR], "vllm_xargs": {"show_calls": 2}}, {}, "show_calls"),
    ],
)
async def test_what_cannot_be_done_is_refused(chat, vllm, fields, headers, part):
    with pytest.raises(VLLMValidationError) as raised:
        await chat.create_chat_completion(request(**fields), http_request(**headers))
    assert part in str(raised.value)
    assert vllm.requests == []


async def test_an_error_of_vllm_passes_through(chat, vllm):
    vllm.response = ErrorResponse(error=ErrorInfo(message="no", type="NotFound", code=404))
    response = await chat.create_chat_completion(request(tools=[CALCULATOR]))
    assert response is vllm.response
    assert vllm.channels == {}


async def chunks_of(stream):
    texts = [text.removeprefix("data: ") async for text in stream]
    assert texts[-1] == "[DONE]\n\n"
    return [json.loads(text) for text in texts[:-1]]


async def test_a_stream_tells_of_interceptions_where_they_happen(chat, vllm):
    asked = request(tools=[CALCULATOR], stream=True, vllm_xargs={"show_calls": 1})
    stream = await chat.create_chat_completion(asked, http_request())
    before, running, succeeded, after, usage = await chunks_of(stream)
    assert before["choices"][0]["delta"] == {"content": "before "}
    assert running["interception"]["state"] == "running"
    assert succeeded["interception"]["result"] == "42"
    assert (running["id"], running["model"]) == ("r-1", "m")
    assert after["choices"][0]["delta"] == {"content": "after"}
    assert usage["usage"]["augmentation_tokens"] == 9
    assert vllm.channels == {}


async def test_closing_a_stream_ends_the_request(chat, vllm):
    vllm.hangs = True
    stream = await chat.create_chat_completion(request(tools=[CALCULATOR], stream=True))
    async with asyncio.timeout(5.0):
        while '"state":"succeeded"' not in await anext(stream):
            pass
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        assert vllm.open_streams == 1
        waiting.cancel()
        await asyncio.wait({waiting})
    assert vllm.open_streams == 0
    assert vllm.channels == {}


async def test_a_stream_that_is_never_read_leaves_nothing(chat, vllm):
    stream = await chat.create_chat_completion(request(tools=[CALCULATOR], stream=True))
    assert vllm.channels == {}
    await stream.aclose()
    assert vllm.channels == {}


async def test_results_that_the_client_sends_again_are_plain_text(chat, vllm):
    messages = [
        {"role": "user", "content": "a"},
        {"role": "tool", "tool_call_id": "1", "content": "b"},
        {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "c"}]},
    ]
    asked = request(messages=messages, tools=[CALCULATOR])
    await chat.create_chat_completion(asked, http_request())
    said, text, parts = [message["content"] for message in vllm.request.messages]
    assert (said, text, list(parts)) == ("a", "B", [{"type": "text", "text": "C"}])
    assert asked.messages[1]["content"] == "b", "the client's request is not changed"
