"""A human who is asked and answers, over HTTP."""

import asyncio
import threading
import time

import httpx
import pytest
from scripted_app import MODEL, PATIENCE_S, ask, call, idle, tool

CHATBOT = tool("chatbot")
QUESTION = call("chatbot", message="Tea or coffee?")


@pytest.fixture
def http(base_url):
    with httpx.Client(base_url=base_url, timeout=PATIENCE_S) as http:
        yield http


def waiting(http):
    response = http.get("/v1/interceptions")
    assert response.status_code == 200
    assert response.json()["object"] == "list"
    return response.json()["data"]


def wait_for_questions(http, number):
    deadline_s = time.monotonic() + PATIENCE_S
    while len(found := waiting(http)) != number:
        assert time.monotonic() < deadline_s, found
        time.sleep(0.02)
    return found


def answer(http, interception_id, text):
    return http.post(f"/v1/interceptions/{interception_id}", json={"text": text})


def error_of(response):
    """The error, after a look at its form."""
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == response.status_code
    return error["message"]


def test_a_chat_that_waits_in_between(client, script, http):
    turns = script(f"Well. {QUESTION}", f"And: {call('chatbot', message='Sugar?')}", "Fine.")
    said, asked = [], []
    for chunk in ask(client, turns, tools=[CHATBOT], stream=True, max_tokens=220):
        told = getattr(chunk, "interception", None)
        if told is None:
            said.append(chunk.choices[0].delta.content or "")
        elif told["state"] == "running":
            asked.append(told["arguments"]["message"])
            (listed,) = wait_for_questions(http, 1)
            assert listed["id"] == told["id"]
            assert listed["arguments"] == told["arguments"]
            reply = {"Tea or coffee?": "Tea, please.", "Sugar?": "No!"}[asked[-1]]
            assert answer(http, told["id"], reply).status_code == 204
        elif told["state"] == "resumed":
            said.append("|")
    assert asked == ["Tea or coffee?", "Sugar?"]
    assert "".join(said) == "Well. |And: |Fine."
    wait_for_questions(http, 0)


def test_a_client_without_streaming_finds_its_question_in_the_list(client, script, http):
    answers = []

    def reply():
        (question,) = wait_for_questions(http, 1)
        assert question["kind"] == "chatbot"
        assert question["session_id"] == "my-session"
        assert question["arguments"] == {"message": "Tea or coffee?"}
        assert 0 < question["remaining_seconds"] <= PATIENCE_S
        answers.append(answer(http, question["id"], "Tea <tool_call>"))

    human = threading.Thread(target=reply)
    human.start()
    body = script(QUESTION, "Good.", show_calls=1) | {"session_id": "my-session"}
    response = ask(client, body, tools=[CHATBOT])
    human.join()
    assert [one.status_code for one in answers] == [204]
    assert response.choices[0].message.content == f"{QUESTION}[Tea <tool_call>]Good."


def test_answers_that_cannot_be_delivered(client, script, http):
    missing = answer(http, "no-such-id", "Hello?")
    assert missing.status_code == 404
    assert "'no-such-id' waits" in error_of(missing)
    for chunk in ask(client, script(QUESTION, "Good."), tools=[CHATBOT], stream=True):
        told = getattr(chunk, "interception", None)
        if told is not None and told["state"] == "running":
            path = f"/v1/interceptions/{told['id']}"
            for body in ({}, {"text": ""}, {"text": 3}, {"text": "x", "more": 1}, ["x"]):
                wrong = http.post(path, json=body)
                assert wrong.status_code == 400, body
                error_of(wrong)
            assert answer(http, told["id"], "Tea").status_code == 204
            again = answer(http, told["id"], "Coffee")
            assert again.status_code == 409
            assert "answered already" in error_of(again)


def test_nobody_answers_in_time(client, script, http):
    body = script(QUESTION, "Never mind.", intercept_timeout_s=0.2)
    response = ask(client, body, tools=[CHATBOT])
    assert response.choices[0].message.content == "Never mind."
    (told,) = response.interceptions
    assert told["error"] == "deadline: chatbot did not answer within 0.2 s"
    wait_for_questions(http, 0)
    assert answer(http, told["id"], "Tea").status_code == 404


@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_that_leaves_takes_its_question_along(base_url, script, http, streamed):
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Ask me."}],
        "tools": [CHATBOT],
        "stream": streamed,
        **script(QUESTION, "never"),
    }

    async def leave_when_asked():
        async with httpx.AsyncClient(base_url=base_url, timeout=PATIENCE_S) as client:
            asking = asyncio.create_task(client.post("/v1/chat/completions", json=body))
            await asyncio.to_thread(wait_for_questions, http, 1)
            asking.cancel()
            await asyncio.wait({asking})

    asyncio.run(leave_when_asked())
    wait_for_questions(http, 0)
    asyncio.run(idle(within_s=PATIENCE_S / 2))  # nobody will ever answer
