"""The real application, on a real engine whose words are scripted, over real HTTP."""

import asyncio
import json
import re
import time

import httpx
import openai
import pytest
from ray import serve
from ray.serve._private.api import serve_start
from ray.serve.schema import ServeDeploySchema
from recognizer import spoken_digits
from scripted_app import (
    CALCULATOR,
    CALL,
    MODEL,
    PATIENCE_S,
    PYTHONPATH,
    ask,
    call,
    idle,
    tool,
)


def test_models(client):
    assert [model.id for model in client.models.list()] == [MODEL]


def test_chat_without_augmentations(client, script):
    response = ask(client, script("It is 42."), tools=openai.NOT_GIVEN)
    assert response.choices[0].message.content == "It is 42."
    assert not hasattr(response, "interceptions")
    stream = ask(client, script("It is 42."), tools=openai.NOT_GIVEN, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "It is 42."


def test_a_tool_of_the_server(client, script):
    response = ask(client, script(f"Wait. {CALL}", "It is 42."))
    choice = response.choices[0]
    assert choice.message.content == "Wait. It is 42."
    assert choice.message.tool_calls is None
    assert choice.finish_reason == "stop"
    (told,) = response.interceptions
    assert told["kind"] == "calculator"
    assert told["arguments"] == {"expression": "6*7"}
    assert told["state"] == "resumed"
    assert told["context"] == "preserved"
    assert told["recomputed_tokens"] == 0
    assert "result" not in told


def test_usage_counts_the_models_tokens_and_those_of_results(client, script):
    response = ask(client, script(f"Wait. {CALL}", "It is 42."), logprobs=True)
    usage = response.usage
    seen = len(response.choices[0].logprobs.content)
    assert usage.completion_tokens > seen, "hidden calls are the model's tokens too"
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.augmentation_tokens == response.interceptions[0]["result_tokens"] > 0


def test_a_stream_tells_of_interceptions_where_they_happen(client, script):
    stream = ask(
        client,
        script(f"Wait. {CALL}", "It is 42.", show_calls=0),
        stream=True,
        stream_options={"include_usage": True},
    )
    seen, ids = [], set()
    for chunk in stream:
        ids.add((chunk.id, chunk.model))
        if told := getattr(chunk, "interception", None):
            seen.append(told["state"])
        elif chunk.choices and chunk.choices[0].delta.content:
            seen.append(chunk.choices[0].delta.content)
        elif chunk.usage:
            assert chunk.usage.augmentation_tokens > 0
    states = [text for text in seen if text in ("running", "succeeded", "resumed")]
    assert states == ["running", "succeeded", "resumed"]
    assert "".join(seen[: seen.index("running")]).startswith("Wait.")
    assert "".join(seen[seen.index("resumed") + 1 :]) == "It is 42."
    assert len(ids) == 1


def test_a_turn_that_is_only_a_call(client, script):
    stream = ask(client, script(CALL, "It is 42."), stream=True)
    chunks = list(stream)
    assert chunks[0].interception["state"] == "running"
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "It is 42."


def test_calls_are_shown_on_request(client, script):
    response = ask(client, script(CALL, "It is 42.", show_calls=1))
    assert response.choices[0].message.content == f"{CALL}[42]It is 42."
    assert response.interceptions[0]["result"] == "42"


def test_the_header_turns_augmentations_on(client, script):
    response = ask(
        client,
        script(CALL, "It is 42."),
        tools=openai.NOT_GIVEN,
        extra_headers={"X-InferCept-Augmentations": "calculator"},
    )
    assert response.choices[0].message.content == "It is 42."
    assert response.interceptions[0]["kind"] == "calculator"


def test_a_call_of_a_tool_of_the_client_is_the_clients(client, script):
    turns = (CALL, call("weather", city="Rome"))
    response = ask(client, script(*turns), tools=[CALCULATOR, tool("weather")])
    (tool_call,) = response.choices[0].message.tool_calls
    assert tool_call.function.name == "weather"
    assert json.loads(tool_call.function.arguments) == {"city": "Rome"}
    assert response.choices[0].finish_reason == "tool_calls"
    assert [told["kind"] for told in response.interceptions] == ["calculator"]


def test_a_failed_call_is_told_to_model_and_client(client, script):
    response = ask(client, script(call("calculator", expression="1/0"), "Sorry.", show_calls=1))
    assert "Error: " in response.choices[0].message.content
    (told,) = response.interceptions
    assert told["error"].startswith("tool_error: ")


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        (call("weather"), "unknown_tool: "),
        ('<tool_call>{"name": "calculator", </tool_call>', "bad_call: "),
        (call("calculator", expresion="6*7"), "bad_arguments: "),
    ],
)
def test_a_call_that_cannot_be_done(client, script, turn, error):
    response = ask(client, script(turn, "Sorry."))
    assert response.choices[0].message.content == "Sorry."
    assert response.interceptions[0]["error"].startswith(error)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_file_that_a_call_made_is_fetched_by_its_url(client, script, base_url, streamed):
    turns = script(call("notes", text="Buy milk."), "Done.")
    response = ask(client, turns, tools=[tool("notes")], stream=streamed)
    if streamed:
        *_, told = (c.interception for c in response if getattr(c, "interception", None))
    else:
        (told,) = response.interceptions
    (artifact,) = told["artifacts"]
    assert artifact["url"] == f"{base_url}/v1/artifacts/{artifact['name']}"
    assert artifact["size_bytes"] == len("Buy milk.")
    fetched = httpx.get(artifact["url"])
    assert fetched.text == "Buy milk."
    assert fetched.headers["content-type"] == artifact["content_type"]
    assert httpx.get(artifact["url"].replace("notes-", "other-")).status_code == 404


def test_what_the_model_says_is_heard_by_the_client(client, script):
    text = "four seven one nine"
    response = ask(client, script(call("speech", text=text), "Done."), tools=[tool("speech")])
    (told,) = response.interceptions
    (artifact,) = told["artifacts"]
    assert re.fullmatch(r"speech-[0-9a-f]{10}\.wav", artifact["name"])
    fetched = httpx.get(artifact["url"])
    assert fetched.headers["content-type"] == "audio/wav"
    assert spoken_digits(fetched.content) == text


def complete(client, extra_body, **fields):
    return client.completions.create(
        model=MODEL,
        prompt="6*7=",
        temperature=0,
        max_tokens=120,
        extra_body=extra_body,
        **fields,
    )


def metrics_of(base_url):
    """Sample name and labels, without those of the engine, to value."""
    found = {}
    for line in httpx.get(f"{base_url}/metrics", follow_redirects=True).text.splitlines():
        if line.startswith("infercept_"):
            name, value = line.rsplit(" ", 1)
            name = re.sub(r'(engine="0"|model_name="scripted"),?', "", name)
            found[name.replace(",}", "}").replace("{}", "")] = float(value)
    return found


def test_metrics_tell_of_interceptions(base_url, client, script):
    before = metrics_of(base_url)
    ask(client, script(CALL, "It is 42."))
    after = metrics_of(base_url)

    def grown(name):
        return after[name] - before.get(name, 0)

    assert grown("infercept_parks_total") == 1
    assert grown('infercept_interceptions_total{context="preserved",kind="calculator"}') == 1
    assert grown('infercept_calls_total{kind="calculator",outcome="succeeded"}') == 1
    assert grown('infercept_interception_seconds_count{kind="calculator"}') == 1
    assert grown('infercept_resume_to_first_token_seconds_count{context="preserved"}') == 1
    assert grown('infercept_waste_byte_seconds_total{cause="preserved"}') > 0
    assert grown("infercept_policy_seconds_total") > 0
    blocks = sum(v for n, v in after.items() if n.startswith("infercept_device_blocks{"))
    assert blocks == 64
    parked = [v for n, v in after.items() if n.startswith("infercept_parked_requests")]
    assert set(parked) == {0}


def test_completions_show_call_and_result_in_the_text(client, script):
    on = script(f"Wait. {CALL}", "It is 42.", augmentations="calculator")
    response = complete(client, on)
    assert response.choices[0].text == f"Wait. {CALL}[42]It is 42."
    assert response.interceptions[0]["result"] == "42"
    text = "".join(chunk.choices[0].text for chunk in complete(client, on, stream=True))
    assert text == response.choices[0].text


def test_completions_without_augmentations(client, script):
    response = complete(client, script(f"Wait. {CALL}"))
    assert response.choices[0].text == f"Wait. {CALL}"
    assert not hasattr(response, "interceptions")


def test_an_unknown_augmentation_is_a_400_that_names_the_known(client, script):
    with pytest.raises(openai.BadRequestError, match="it has: calculator, scripted, chatbot"):
        ask(client, script("x", augmentations="calculater"), tools=openai.NOT_GIVEN)


@pytest.mark.parametrize(
    "body",
    [b'{"model": ', b"[]", b'{"model": "scripted"}', b'{"model": "scripted", "messages": 3}'],
)
def test_a_malformed_body_is_a_400(base_url, body):
    response = httpx.post(
        f"{base_url}/v1/chat/completions",
        content=body,
        headers={"Content-Type": "application/json"},
        timeout=PATIENCE_S,
    )
    assert response.status_code == 400
    assert "error" in response.json()


def test_an_unknown_model_is_a_404(client):
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(
            model="other", messages=[{"role": "user", "content": "x"}], tools=[CALCULATOR]
        )


def wait_for(journal, line):
    async def wait():
        async with asyncio.timeout(PATIENCE_S):
            while not journal.exists() or line not in journal.read_text():
                await asyncio.sleep(0.02)

    asyncio.run(wait())


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize("attempt", range(3))  # cancellations race with each other
def test_a_client_that_leaves_cancels_request_and_augmentation(
    base_url, script, served_journal, streamed, attempt
):
    served_journal.unlink(missing_ok=True)
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Work."}],
        "tools": [tool("scripted")],
        "temperature": 0,
        "stream": streamed,
        **script(call("scripted", seconds=PATIENCE_S * 2), "never"),
    }

    async def leave_while_it_works():
        async with httpx.AsyncClient(base_url=base_url, timeout=PATIENCE_S) as client:
            asking = asyncio.create_task(client.post("/v1/chat/completions", json=body))
            await asyncio.to_thread(wait_for, served_journal, "started")
            asking.cancel()
            await asyncio.wait({asking})

    asyncio.run(leave_while_it_works())
    wait_for(served_journal, "cancelled")
    asyncio.run(idle(within_s=PATIENCE_S / 2))  # the call would have taken longer


def test_a_typo_fails_the_deployment_with_the_fields_path(ray_session):
    application = {
        "name": "typo",
        "route_prefix": "/typo",
        "import_path": "deployments.builder:build",
        "args": {"model": "a-model", "replica": {"num_replica": 2}},
        "runtime_env": {"env_vars": {"PYTHONPATH": PYTHONPATH}},
    }
    schema = ServeDeploySchema.model_validate({"applications": [application]})
    serve_start().deploy_apps(schema)
    try:
        deadline_s = time.monotonic() + PATIENCE_S
        while (found := serve.status().applications["typo"]).status == "DEPLOYING":
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        assert found.status == "DEPLOY_FAILED"
        assert "replica.num_replica" in found.message
        assert "did you mean 'num_replicas'?" in found.message
    finally:
        serve.delete("typo")
