"""Tools by configuration, from the model's words to the answer over HTTP and back."""

import pickle
from pathlib import Path

import httpx
import pytest
import ray
import scripted_app
from ray import serve
from scripted_app import MODEL, PATIENCE_S, call, tool

from deployments.api.server_tools import ServerTools
from deployments.builder import worker_application
from deployments.pools.section import AugmentationSection


@pytest.fixture
def ask(client, script, weather_token):
    """Has the model make one call and say ``end``; gives what is told of the call."""

    def ask(kind, **arguments):
        words = script(call(kind, **arguments), "end", show_calls=1)
        response = scripted_app.ask(client, words, tools=[tool(kind)], max_tokens=200)
        (interception,) = response.interceptions
        assert response.choices[0].message.content.endswith("end")
        assert weather_token not in response.model_dump_json()
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


async def test_a_replica_hears_why_a_server_does_not_start(ray_session):
    section = AugmentationSection(type="mcp", options={"command": "/no/such/server"})
    handle = serve.run(worker_application("broken", section), name="broken", route_prefix=None)
    reason = r"^augmentations\.broken: the MCP server /no/such/server does not start: .*No such"
    with pytest.raises(RuntimeError, match=reason):
        await ServerTools.of({"broken": section}, {"broken": handle})
    serve.delete("broken")


def test_no_secret_is_in_metrics_configuration_or_logs(
    ask, base_url, served_config, weather_token
):
    ask("forecast", city="Oslo")
    metrics = httpx.get(f"{base_url}/metrics", follow_redirects=True, timeout=PATIENCE_S).text
    assert 'kind="forecast"' in metrics
    assert weather_token not in metrics
    assert weather_token.encode() not in pickle.dumps(served_config)
    assert weather_token not in repr(served_config) + served_config.model_dump_json()
    logs = Path(ray._private.worker.global_worker.node.get_logs_dir_path())
    files = [file for file in logs.rglob("*") if file.is_file()]
    assert any("augmentation-forecast" in file.name for file in files)
    assert [file for file in files if weather_token.encode() in file.read_bytes()] == []
