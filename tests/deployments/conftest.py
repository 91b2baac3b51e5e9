"""The real application, on a real engine whose words are scripted, over real HTTP."""

import asyncio
import json
from pathlib import Path

import openai
import pytest
from ray import serve

from deployments.builder import build
from deployments.config import ServeConfig

PATIENCE_S = 60.0
MODEL = "scripted"
HERE = Path(__file__).parent
PYTHONPATH = ":".join(map(str, (HERE, HERE.parent / "support", HERE.parents[1])))
TEMPLATE = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
CALCULATOR = {"type": "function", "function": {"name": "calculator"}}
SPEECH = {"type": "function", "function": {"name": "speech"}}
NOTES = {"type": "function", "function": {"name": "notes"}}
SCRIPTED = {"type": "function", "function": {"name": "scripted"}}
WEATHER = {"type": "function", "function": {"name": "weather"}}


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    from random_llama import write_random_llama

    return write_random_llama(tmp_path_factory.mktemp("http"))


@pytest.fixture(scope="session")
def served_journal(model_folder):
    return model_folder / "journal"


@pytest.fixture(scope="session")
def base_url(ray_session, model_folder, served_journal):
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(HERE)
    config = ServeConfig.model_validate(
        {
            "model": str(model_folder),
            "served_model_name": MODEL,
            "engine": {
                "dtype": "float32",
                "max_model_len": 256,
                "max_num_seqs": 4,
                "block_size": 32,
                "num_gpu_blocks_override": 65,
                "enforce_eager": True,
                "chat_template": TEMPLATE,
                "enable_auto_tool_choice": True,
                "tool_call_parser": "hermes",
                "logits_processors": ["served_script:ServedScript"],
            },
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
            },
            "artifacts": {"url": str(model_folder / "artifacts")},
        }
    )
    serve.run(build(config), name="http", route_prefix="/")
    yield ray_session
    serve.delete("http")
    patch.undo()


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


async def idle(within_s=PATIENCE_S):
    """Until the engine holds no request."""
    replica = serve.get_deployment_handle("LLMReplica", app_name="http")
    async with asyncio.timeout(within_s):
        while True:
            snapshot = await replica.intercept_snapshot.remote()
            if not snapshot["requests"] and not snapshot["parked"]:
                return
            await asyncio.sleep(0.05)


def call(name, **arguments):
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


CALL = call("calculator", expression="6*7")


def ask(client, extra_body, **fields):
    fields = {"tools": [CALCULATOR], "temperature": 0, "max_tokens": 120} | fields
    return client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "What is 6*7?"}],
        extra_body=extra_body,
        **fields,
    )
