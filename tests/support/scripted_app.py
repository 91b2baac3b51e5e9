"""What tests say over HTTP to the application of ``tests/deployments/conftest.py``."""

import asyncio
import json
from pathlib import Path
from typing import Any

from ray import serve

PATIENCE_S = 60.0
MODEL = "scripted"
APPLICATION = "http"
TEMPLATE = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
TESTS = Path(__file__).parents[1]
PYTHONPATH = ":".join(
    map(
        str,
        (
            TESTS / "deployments",
            TESTS / "support",
            TESTS.parent,
            TESTS.parent / "configs/examples",
        ),
    )
)
"""For the processes of Ray, which import what the tests have for them."""


def tool(name: str) -> dict[str, Any]:
    """A request's word that the model may call ``name``."""
    return {"type": "function", "function": {"name": name}}


CALCULATOR = tool("calculator")


def call(name: str, **arguments: Any) -> str:
    """What the model says to call ``name``."""
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


CALL = call("calculator", expression="6*7")


def ask(client: Any, extra_body: Any, **fields: Any) -> Any:
    """The answer to a chat completion; ``extra_body`` has the model's words."""
    fields = {"tools": [CALCULATOR], "temperature": 0, "max_tokens": 120} | fields
    return client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "What is 6*7?"}],
        extra_body=extra_body,
        **fields,
    )


async def idle(within_s: float = PATIENCE_S) -> None:
    """Until the engine holds no request."""
    replica = serve.get_deployment_handle("LLMReplica", app_name=APPLICATION)
    async with asyncio.timeout(within_s):
        while True:
            snapshot = await replica.intercept_snapshot.remote()
            if not snapshot["requests"] and not snapshot["parked"]:
                return
            await asyncio.sleep(0.05)
