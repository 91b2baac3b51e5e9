"""One real application for all tests over HTTP: its engine's words are scripted."""

import asyncio
import json

import openai
import pytest
from example_configs import augmentations_of, weather_app
from live_server import live_server
from ray import serve
from scripted_app import APPLICATION, MODEL, PATIENCE_S, PYTHONPATH, TEMPLATE, idle

from deployments.builder import build
from deployments.config import ServeConfig

ENGINE = {
    "dtype": "float32",
    "max_model_len": 512,
    "max_num_seqs": 4,
    "block_size": 32,
    "num_gpu_blocks_override": 65,
    "enforce_eager": True,
    "chat_template": TEMPLATE,
    "enable_auto_tool_choice": True,
    "tool_call_parser": "hermes",
    "logits_processors": ["served_script:ServedScript"],
}


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    from random_llama import write_random_llama

    return write_random_llama(tmp_path_factory.mktemp("http"))


@pytest.fixture(scope="session")
def served_journal(model_folder):
    return model_folder / "journal"


@pytest.fixture(scope="session")
def weather_token():
    """What the weather service wants to see, and nobody else may."""
    return "hunter2-token"


@pytest.fixture(scope="session")
def weather_url(weather_token):
    """The web service of the examples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEATHER_TOKEN", weather_token)
        with live_server(weather_app()) as port:
            yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def served_config(model_folder, served_journal, weather_url, weather_token):
    """Tools of our own, and of all three examples, with a token that only a file holds."""
    token_file = model_folder / "token"
    token_file.write_text(f"{weather_token}\n")
    forecast = augmentations_of("http.yaml", weather_url=weather_url)["forecast"]
    forecast["options"]["headers"] = {"Authorization": f"Bearer ${{file:{token_file}}}"}
    dice = augmentations_of("python.yaml")["dice"] | {"inline": True}
    del dice["concurrency"]
    with pytest.MonkeyPatch.context() as patch:
        for folder in PYTHONPATH.split(":"):
            patch.syspath_prepend(folder)
        yield ServeConfig.model_validate(
            {
                "model": str(model_folder),
                "served_model_name": MODEL,
                "engine": ENGINE,
                "dialect": {"result_prefix": "[", "result_suffix": "]"},
                "env": {"PYTHONPATH": PYTHONPATH},
                "augmentations": {
                    "calculator": {"type": "calculator", "inline": True},
                    "scripted": {
                        "type": "scripted_augmentation:Scripted",
                        "options": {"journal": str(served_journal)},
                        "env": {"PYTHONPATH": PYTHONPATH},
                    },
                    "chatbot": {"type": "chatbot", "timeout_s": PATIENCE_S},
                    "notes": {
                        "type": "notes_augmentation:Notes",
                        "env": {"PYTHONPATH": PYTHONPATH},
                    },
                    "speech": {"type": "speech"},
                    "forecast": forecast,
                    "notebook": augmentations_of("mcp.yaml")["notes"],
                    "dice": dice,
                },
                "artifacts": {"url": str(model_folder / "artifacts")},
            }
        )


@pytest.fixture(scope="session")
def base_url(ray_session, served_config):
    serve.run(build(served_config), name=APPLICATION, route_prefix="/")
    yield ray_session
    serve.delete(APPLICATION)


@pytest.fixture
def client(base_url):
    with openai.OpenAI(base_url=f"{base_url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def script(model_folder):
    """What the model is to say, turn by turn, as ``vllm_xargs``."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False)

    def script(*turns, **xargs):
        turns = [[*encode(turn), tokenizer.eos_token_id] for turn in turns]
        turns = json.dumps([*encode("</tool_call>"), *turns])
        return {"vllm_xargs": {"script_json": turns, **xargs}}

    return script


@pytest.fixture(autouse=True)
def nothing_is_left(request):
    """After every test the engine holds no request, and nothing is parked."""
    yield
    if "base_url" in request.fixturenames:
        asyncio.run(idle())
