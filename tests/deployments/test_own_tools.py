"""Tools by configuration, from the model's words to the answer over HTTP and back."""

import json
import pickle
from pathlib import Path

import httpx
import openai
import pytest
import ray
from example_configs import FOLDER, augmentations_of, weather_app
from live_server import live_server
from random_llama import write_random_llama
from ray import serve
from transformers import AutoTokenizer

from deployments.builder import build
from deployments.config import ServeConfig

PATIENCE_S = 120.0
MODEL = "own-tools"
TOKEN = "hunter2-token"
HERE = Path(__file__).parent
PYTHONPATH = ":".join(map(str, (HERE.parent / "support", HERE.parents[1], FOLDER)))
TEMPLATE = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
ENGINE = {
    "dtype": "float32",
    "max_model_len": 512,
    "max_num_seqs": 4,
    "block_size": 32,
    "num_gpu_blocks_override": 65,
    "enforce_eager": True,
    "chat_template": TEMPLATE,
    "logits_processors": ["served_script:ServedScript"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_random_llama(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def config(folder):
    """All three examples in one application, with a token that only a file holds."""
    token = folder / "token"
    token.write_text(f"{TOKEN}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        patch.setenv("WEATHER_TOKEN", TOKEN)  # of the service, in this process
        with live_server(weather_app()) as port:
            augmentations = {
                **augmentations_of("http.yaml", weather_url=f"http://127.0.0.1:{port}"),
                **augmentations_of("mcp.yaml"),
                **augmentations_of("python.yaml"),
            }
            headers = {"Authorization": f"Bearer ${{file:{token}}}"}
            augmentations["forecast"]["options"]["headers"] = headers
            del augmentations["report"]  # a worker fewer to wait for
            augmentations["dice"]["inline"] = True
            yield ServeConfig.model_validate(
                {
                    "model": str(folder),
                    "served_model_name": MODEL,
                    "engine": ENGINE,
                    "dialect": {"result_prefix": "[", "result_suffix": "]"},
                    "env": {"PYTHONPATH": PYTHONPATH},
                    "augmentations": augmentations,
                }
            )


@pytest.fixture(scope="module")
def base_url(ray_session, config):
    serve.run(build(config), name="own", route_prefix="/own")
    yield f"{ray_session}/own"
    serve.delete("own")


@pytest.fixture(scope="module")
def ask(base_url, folder):
    """Has the model make one call and say ``end``; gives the answer and how it came to be."""
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False)

    def ask(kind, **arguments):
        call = json.dumps({"name": kind, "arguments": arguments})
        turns = [f"<tool_call>{call}</tool_call>", "end"]
        script = [[*encode(turn), tokenizer.eos_token_id] for turn in turns]
        xargs = {
            "script_json": json.dumps([*encode("</tool_call>"), *script]),
            "show_calls": 1,
        }
        with openai.OpenAI(base_url=f"{base_url}/v1", api_key="none", max_retries=0) as client:
            response = client.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": "?"}],
                tools=[{"type": "function", "function": {"name": kind}}],
                temperature=0,
                max_tokens=200,
                timeout=PATIENCE_S,
                extra_body={"vllm_xargs": xargs},
            )
        (interception,) = response.interceptions
        assert response.choices[0].message.content.endswith("end")
        assert TOKEN not in response.model_dump_json()
        return interception

    return ask


def test_a_url(ask):
    told = ask("forecast", city="Oslo")
    assert told["kind"] == "forecast" and "error" not in told
    assert told["result"].startswith('[{"day": 0, "sky": "')


def test_an_mcp_server(ask):
    assert ask("add_note", text="Buy milk.")["result"] == "Note 1 is written."
    assert ask("find_notes", word="milk")["result"] == "1. Buy milk."


def test_a_class(ask):
    assert len(ask("dice", number=2)["result"].split()) == 2


def test_a_failure_reaches_model_and_client_without_a_secret(ask):
    told = ask("forecast", city="R2D2")
    assert told["error"].startswith("tool_error: HTTP status 404")
    told = ask("find_notes", phrase="milk")
    assert told["error"].startswith("bad_arguments: arguments: ")


def test_an_unknown_name_is_answered_with_the_servers_own(base_url):
    response = httpx.post(
        f"{base_url}/v1/chat/completions",
        json={"model": MODEL, "messages": [{"role": "user", "content": "?"}]},
        headers={"X-InferCept-Augmentations": "forget_everything"},
        timeout=PATIENCE_S,
    )
    assert response.status_code == 400
    assert "forecast, add_note, find_notes, dice" in response.text


def test_no_secret_is_in_metrics_configuration_or_logs(ask, base_url, config):
    ask("forecast", city="Oslo")
    metrics = httpx.get(f"{base_url}/metrics", follow_redirects=True, timeout=PATIENCE_S).text
    assert 'kind="forecast"' in metrics
    assert TOKEN not in metrics
    assert TOKEN.encode() not in pickle.dumps(config)
    assert TOKEN not in repr(config) + config.model_dump_json()
    logs = Path(ray._private.worker.global_worker.node.get_logs_dir_path())
    files = [file for file in logs.rglob("*") if file.is_file()]
    assert any("augmentation-forecast" in file.name for file in files)
    assert [file for file in files if TOKEN.encode() in file.read_bytes()] == []
