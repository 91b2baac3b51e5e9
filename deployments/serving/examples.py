"""Commands to try on a running server."""

import json
import shlex
from typing import Any

from augment_workers import registry
from deployments.config import ServeConfig

_QUESTIONS = {
    "calculator": "Tom has 12 boxes with 37 apples in each. How many apples does Tom have?",
    "retrieval": "Who was Marie Curie?",
}


def example_commands(url: str, config: ServeConfig) -> list[str]:
    """Three curl lines: the models, a question with a tool, and a streamed one."""
    plain = f"curl -s {url}/v1/models"
    first = _ask(url, config, "calculator", stream=False)
    second = _ask(url, config, "retrieval", stream=True)
    return [plain, first, second]


def _ask(url: str, config: ServeConfig, preferred: str, *, stream: bool) -> str:
    body: dict[str, Any] = {"model": config.public_name}
    kinds = [
        name
        for name, section in config.augmentations.items()
        if registry.declared(section.type, section.options) is not None
    ]
    kind = preferred if preferred in kinds else next(iter(kinds), None)
    question = _QUESTIONS.get(kind or "", "What can you do?")
    body["messages"] = [{"role": "user", "content": question}]
    headers = ["Content-Type: application/json"]
    if kind is not None:
        body["tools"] = [{"type": "function", "function": {"name": kind}}]
    elif config.augmentations:  # tools whose names only their server knows
        headers.append("X-InferCept-Augmentations: all")
    body |= {"temperature": 0, "max_tokens": 200}
    if stream:
        body["stream"] = True
    return " ".join(
        [
            "curl -sN" if stream else "curl -s",
            f"{url}/v1/chat/completions",
            *(f"-H {shlex.quote(header)}" for header in headers),
            f"-d {shlex.quote(json.dumps(body))}",
        ]
    )
