"""Two real engines behind ``infercept serve``: who gets which request, and what if one dies.

The tests run in this order, and the last ones kill processes.
"""

import asyncio
import itertools
import json
import signal
import time

import psutil
import pytest
import yaml
from scripted_app import PYTHONPATH, TEMPLATE
from served_process import served
from two_replicas import MODEL, PATIENCE_S, REPLICA, Client, Load, long_text

from tests.conftest import free_port

START_TIMEOUT_S = 300.0
AT_ONCE_S = 60.0
"""Within which a broken request must have its error; a hanging one would take for ever."""

BLOCKS = 128

pytestmark = pytest.mark.timeout(START_TIMEOUT_S * 2)


@pytest.fixture(scope="module")
def server(model_folder, tmp_path_factory):
    application = {
        "name": "two",
        "import_path": "deployments.builder:build",
        "args": {
            "model": str(model_folder),
            "served_model_name": MODEL,
            "engine": {
                "dtype": "float32",
                "max_model_len": 1024,
                "max_num_seqs": 16,
                "block_size": 32,
                "num_gpu_blocks_override": BLOCKS + 1,
                "enforce_eager": True,
                "chat_template": TEMPLATE,
                "enable_prompt_tokens_details": True,
                "logits_processors": ["served_script:ServedScript"],
            },
            "dialect": {"result_prefix": "[", "result_suffix": "]"},
            "env": {"PYTHONPATH": PYTHONPATH},
            "augmentations": {"chatbot": {"type": "chatbot", "timeout_s": 600}},
            "replica": {"num_replicas": 2, "health_check_period_s": 1},
        },
    }
    file = tmp_path_factory.mktemp("two") / "two.yaml"
    file.write_text(yaml.safe_dump({"applications": [application]}))
    with served(file, free_port(), PYTHONPATH, START_TIMEOUT_S) as server:
        yield server


@pytest.fixture
async def client(server, model_folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False)

    def turns(*texts):
        script = [
            *encode("</tool_call>"),
            *([*encode(t), tokenizer.eos_token_id] for t in texts),
        ]
        return {"vllm_xargs": {"script_json": json.dumps(script)}}

    client = Client(server.url, turns)
    async with client.http:
        yield client


names = (f"session-{nth}" for nth in itertools.count())


async def one_on_each(client):
    """A session on each of two replicas, by replica."""
    found = {}
    async with asyncio.timeout(START_TIMEOUT_S):
        while len(found) < 2:
            name = next(names)
            answer = await client.ask("Hi", name)
            if answer.is_good:
                found.setdefault(answer.replica, name)
            await asyncio.sleep(0.05)
    return found


async def test_sessions_stay_where_they_are(client):
    for replica, name in (await one_on_each(client)).items():
        answers = await asyncio.gather(*(client.ask("Hi", name) for _ in range(5)))
        assert {answer.replica for answer in answers} == {replica}
        named_in_body = await client.ask("Hi", session_id=name)
        assert named_in_body.replica == replica


async def test_a_conversation_stays_where_its_context_is(client):
    for nth in range(4):
        history = [{"role": "user", "content": long_text(f"conversation {nth}")}]
        first = await client.ask(history)
        assert first.cached_tokens == 0
        for question in ("And pears?", "And plums?"):
            history += [
                {"role": "assistant", "content": first.text},
                {"role": "user", "content": question},
            ]
            later = await client.ask(history)
            assert later.replica == first.replica
            assert later.cached_tokens > 0


async def test_others_go_where_no_contexts_wait(client):
    loaded, free = (await one_on_each(client)).items()
    async with client.asked_human(loaded[1]), client.asked_human(loaded[1]):
        # Equals would take turns; the report of what waits takes a moment.
        async with asyncio.timeout(PATIENCE_S):
            in_a_row = 0
            while in_a_row < 6:
                answer = await client.ask("Hi")
                in_a_row = in_a_row + 1 if answer.replica == free[0] else 0
        stays = await client.ask("Hi", loaded[1])
        assert stays.replica == loaded[0], "whose context is there goes there all the same"


async def test_answers_reach_questions_of_any_replica(client):
    (here, name), (there, other) = (await one_on_each(client)).items()
    async with client.asked_human(name) as one, client.asked_human(other) as two:
        assert (one.replica, two.replica) == (here, there)
        listed = (await client.http.get("/v1/interceptions")).json()["data"]
        assert {question["id"] for question in listed} == {one.call_id, two.call_id}
        for question, by_way_of in ((one, other), (two, name)):
            response = await client.answer(question.call_id, by_way_of)
            assert response.status_code == 204
            assert response.headers[REPLICA] != question.replica
            async with asyncio.timeout(PATIENCE_S):
                assert await question.reading == "Thanks."


async def test_health_and_metrics_are_those_of_some_replica(client):
    health, metrics = await client.http.get("/health"), await client.http.get("/metrics/")
    assert health.status_code == metrics.status_code == 200
    assert {health.headers[REPLICA], metrics.headers[REPLICA]} <= set(await one_on_each(client))
    assert "infercept_device_blocks" in metrics.text


async def killed(client, victim):
    """Kills a process while both replicas work; returns seconds until there are two again."""
    sessions = await one_on_each(client)
    (_, name), (_, other) = sessions.items()
    async with (
        client.asked_human(name) as one,
        client.asked_human(other) as two,
        Load(client).of(*sessions.values()) as load,
    ):
        await load.until(name, other)
        victim.send_signal(signal.SIGKILL)
        killed_at = time.monotonic()
        async with asyncio.timeout(AT_ONCE_S):
            await asyncio.wait((one.reading, two.reading), return_when=asyncio.FIRST_COMPLETED)
        lost, kept = (one, two) if one.reading.done() else (two, one)
        assert lost.reading.exception() is not None, (
            "a clear error, and no end as if all were said"
        )
        dead, alive = sessions[lost.replica], sessions[kept.replica]
        # The sessions of the dead replica go on at the other one, which never stopped.
        await load.until(dead, alive)
        assert {answer.replica for answer in load.answers[dead][-3:]} == {kept.replica}
        assert all(answer.is_good for answer in load.answers[alive])
        for answer in load.answers[dead]:
            assert answer.is_good or answer.status is None or answer.status >= 500
            assert answer.is_good or answer.seconds < AT_ONCE_S
        assert (await client.answer(kept.call_id, alive)).status_code == 204
        async with asyncio.timeout(PATIENCE_S):
            assert await kept.reading == "Thanks."
        replicas = await one_on_each(client)
        assert lost.replica not in replicas and kept.replica in replicas
        return time.monotonic() - killed_at


async def test_a_killed_engine_is_replaced(server, client):
    engine, _ = server.processes("VLLM::EngineCore")
    replica = engine.parent()
    await killed(client, engine)
    assert not replica.is_running()


async def test_a_killed_replica_is_replaced(server, client):
    replica, _ = server.processes("ray::ServeReplica:two:LLMReplica")
    (engine,) = (
        one for one in server.processes("VLLM::EngineCore") if one.ppid() == replica.pid
    )
    await killed(client, replica)
    _, alive = psutil.wait_procs([engine], timeout=PATIENCE_S)
    assert alive == [], "an engine without its replica would take a core and memory"
