import re
from itertools import islice

import pytest

from deployments.models.dialogues import TOOLS
from loadtest.load.prompts import PROMPTS, prompts


def drawn(kinds, count, seed="1"):
    return list(islice(prompts(kinds, seed), count))


def test_there_are_prompts_for_the_six_kinds():
    assert set(PROMPTS) == set(TOOLS)


@pytest.mark.parametrize("kind", PROMPTS)
def test_prompts_of_a_kind_turn_its_tool_on(kind):
    found = drawn((kind,), 60)
    assert {prompt.kind for prompt in found} == {kind}
    assert all(kind in prompt.tools for prompt in found)
    assert all(set(prompt.tools) <= set(TOOLS) for prompt in found)
    assert all(re.search(r"\w", prompt.text) for prompt in found)
    different = len({prompt.text for prompt in found})
    assert different >= (2 if kind == "alfworld" else 50), "the prefix cache has to work"


def test_the_human_of_a_chat_has_replies():
    found = drawn(("chatbot",), 60)
    answered = [prompt for prompt in found if prompt.replies]
    assert len(answered) > 50, "some calls of the training texts fail"
    assert any(len(prompt.replies) == 2 for prompt in answered)
    assert not any(reply.startswith("Error") for prompt in found for reply in prompt.replies)
    assert not any(prompt.replies for prompt in drawn(("image", "speech"), 20))


def test_the_mix_has_all_kinds_evenly():
    found = [prompt.kind for prompt in drawn(tuple(PROMPTS), 1200)]
    assert all(150 < found.count(kind) < 250 for kind in PROMPTS)


def test_a_seed_makes_the_same_prompts_again():
    assert drawn(tuple(PROMPTS), 20) == drawn(tuple(PROMPTS), 20)
    assert drawn(tuple(PROMPTS), 20) != drawn(tuple(PROMPTS), 20, seed="2")


def test_the_body_is_a_request_for_a_stream():
    (prompt,) = drawn(("calculator",), 1)
    body = prompt.body("a-model", 7)
    assert body["messages"] == [{"role": "user", "content": prompt.text}]
    assert [tool["function"]["name"] for tool in body["tools"]] == ["calculator"]
    assert (body["model"], body["max_tokens"], body["stream"]) == ("a-model", 7, True)
    assert body["stream_options"] == {"include_usage": True}
