import json

import pytest
from fake_serving import FakeServing, http_request
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.exceptions import VLLMValidationError

from deployments.api.completions import InterceptingCompletions
from deployments.api.server_tools import ServerTools
from deployments.config import AugmentationSection

ON = {"augmentations": "calculator"}


def request(**fields):
    return CompletionRequest.model_validate({"prompt": "6*7=", "model": "m"} | fields)


@pytest.fixture
def vllm():
    return FakeServing()


@pytest.fixture
async def completions(vllm):
    tools = await ServerTools.of({"calculator": AugmentationSection(type="calculator")})
    return InterceptingCompletions(vllm, tools, vllm.channels)


async def test_a_request_without_augmentations_is_vllms_own(completions, vllm):
    asked = request()
    await completions.create_completion(asked, http_request())
    assert vllm.request is asked
    assert completions.other_attribute == "vLLM's"


async def test_calls_appear_in_the_text_unless_told_otherwise(completions, vllm):
    response = await completions.create_completion(request(vllm_xargs=ON))
    assert vllm.request.vllm_xargs["show_calls"] == 1
    (told,) = response.model_dump()["interceptions"]
    assert told["result"] == "42"
    assert response.usage.augmentation_tokens == 9
    await completions.create_completion(request(vllm_xargs=ON | {"show_calls": 0}))
    assert vllm.request.vllm_xargs["show_calls"] == 0


async def test_the_header_turns_on(completions, vllm):
    raw_request = http_request(x_infercept_augmentations="all")
    await completions.create_completion(request(), raw_request)
    assert vllm.request.vllm_xargs["augmentations"] == ["calculator"]


async def test_a_stream(completions):
    stream = await completions.create_completion(request(vllm_xargs=ON, stream=True))
    texts = [text.removeprefix("data: ") async for text in stream]
    chunks = [json.loads(text) for text in texts if text.startswith("{")]
    states = [chunk.get("interception", {}).get("state") for chunk in chunks]
    assert states == [None, "running", "succeeded", None, None]
    assert chunks[1]["choices"][0]["text"] == ""


@pytest.mark.parametrize("prompt", [["a", "b"], [[1, 2], [3]]])
async def test_several_prompts_are_refused(completions, prompt):
    with pytest.raises(VLLMValidationError, match="one prompt"):
        await completions.create_completion(request(prompt=prompt, vllm_xargs=ON))


@pytest.mark.parametrize("prompt", ["a", ["a"], [1, 2, 3]])
async def test_one_prompt_in_any_form(completions, vllm, prompt):
    await completions.create_completion(request(prompt=prompt, vllm_xargs=ON))
    assert vllm.request.prompt == prompt
