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
from ray import serve

from deployments.augmentation_section import AugmentationSection
from deployments.builder import build, worker_application
from deployments.config import ServeConfig
from deployments.server_tools import ServerTools

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
def config(model_folder):
    """All three examples in one application, with a token that only a file holds."""
    token = model_folder / "token"
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
            del augmentations["dice"]["concurrency"]
            augmentations["dice"]["inline"] = True
            yield ServeConfig.model_validate(
                {
                    "model": str(model_folder),
                    "served_model_name": MODEL,
                    "engine": ENGINE,
                    "dialect": {"result_prefix": "[", "result_suffix": "]"},
                    "env": {"PYTHONPATH": PYTHONPATH},
                    "augmentations": augmentations,
                }
            )


@pytest.fixture(scope="module")
def own_url(ray_session, config):
    serve.run(build(config), name="own", route_prefix="/own")
    yield f"{ray_session}/own"
    serve.delete("own")


@pytest.fixture
def ask(own_url, script):
    """Has the model make one call and say ``end``; gives what is told of the call."""

    def ask(kind, **arguments):
        call = json.dumps({"name": kind, "arguments": arguments})
        with openai.OpenAI(base_url=f"{own_url}/v1", api_key="none", max_retries=0) as client:
            response = client.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": "?"}],
                tools=[{"type": "function", "function": {"name": kind}}],
                temperature=0,
                max_tokens=200,
                timeout=PATIENCE_S,
                extra_body=script(f"<tool_call>{call}</tool_call>", "end", show_calls=1),
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


def test_an_unknown_name_is_answered_with_the_servers_own(own_url):
    response = httpx.post(
        f"{own_url}/v1/chat/completions",
        json={"model": MODEL, "messages": [{"role": "user", "content": "?"}]},
        headers={"X-InferCept-Augmentations": "forget_everything"},
        timeout=PATIENCE_S,
    )
    assert response.status_code == 400
    assert "forecast, add_note, find_notes, dice" in response.text


async def test_a_replica_hears_why_a_server_does_not_start(ray_session):
    section = AugmentationSection(type="mcp", options={"command": "/no/such/server"})
    handle = serve.run(worker_application("broken", section), name="broken", route_prefix=None)
    reason = r"^augmentations\.broken: the MCP server /no/such/server does not start: .*No such"
    with pytest.raises(RuntimeError, match=reason):
        await ServerTools.of({"broken": section}, {"broken": handle})
    serve.delete("broken")


def test_no_secret_is_in_metrics_configuration_or_logs(ask, own_url, config):
    ask("forecast", city="Oslo")
    metrics = httpx.get(f"{own_url}/metrics", follow_redirects=True, timeout=PATIENCE_S).text
    assert 'kind="forecast"' in metrics
    assert TOKEN not in metrics
    assert TOKEN.encode() not in pickle.dumps(config)
    assert TOKEN not in repr(config) + config.model_dump_json()
    logs = Path(ray._private.worker.global_worker.node.get_logs_dir_path())
    files = [file for file in logs.rglob("*") if file.is_file()]
    assert any("augmentation-forecast" in file.name for file in files)
    assert [file for file in files if TOKEN.encode() in file.read_bytes()] == []
