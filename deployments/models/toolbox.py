"""Real augmentations, called without a server."""

import asyncio
import json
from typing import Any, Self

from augment_workers.artifact_files import ArtifactFiles, ArtifactFolder
from augment_workers.base import Augmentation, AugmentationError
from augment_workers.registry import create
from deployments.models.dialogue import ERROR_PREFIX
from deployments.models.dialogues import TOOLS
from intercept_core.bus.messages import Call, Result

HUMAN = "chatbot"
SILENCE = "I do not know."
"""What the human says whom nobody has told what to say."""

_FOLDER = ArtifactFolder(
    url="memory://toolbox",
    max_bytes=1 << 28,
    max_artifact_bytes=1 << 24,
    time_to_live_s=3600.0,
)
_TIMEOUT_S = 60.0


def read_call(text: str) -> dict[str, Any]:
    """The call at the end of ``text`` as name and arguments; empty when it is not readable."""
    body = text.rpartition("<tool_call>")[2].removesuffix("</tool_call>")
    try:
        function = dict(json.loads(body))
        return {**function, "arguments": dict(function["arguments"]), "name": function["name"]}
    except (ValueError, TypeError, KeyError):
        return {}


class Toolbox:
    """Answers calls in the words that a server would insert."""

    def __init__(self) -> None:
        self._augmentations: dict[str, Augmentation] = {}
        self._artifacts = ArtifactFiles(_FOLDER)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, session_id: str, function: dict[str, Any], *, game: str | None = None) -> str:
        """The result of a call, as :func:`read_call` reads it.

        Args:
            session_id: Tells games and open articles apart.
            function: Name and arguments.
            game: The one that begins when the model begins a game.
        """
        if not function:
            return f"{ERROR_PREFIX}the call is not readable."
        name, arguments = function["name"], dict(function["arguments"])
        if name not in TOOLS:
            return f"{ERROR_PREFIX}there is no tool {name}."
        if name == HUMAN:
            return SILENCE
        if game and arguments == {"action": "start"}:
            arguments["game"] = game
        call = Call(
            call_id="call",
            request_id=session_id,
            session_id=session_id,
            kind=name,
            arguments=arguments,
            timeout_s=_TIMEOUT_S,
            lease_s=_TIMEOUT_S,
        )
        try:
            return self._runner.run(self._result(call))
        except AugmentationError as error:
            return f"{ERROR_PREFIX}{error}"
        except (KeyError, AttributeError, TypeError):
            return f"{ERROR_PREFIX}the arguments do not fit."

    def close(self) -> None:
        """Ends games and models."""
        for augmentation in self._augmentations.values():
            self._runner.run(augmentation.close())
        self._runner.close()

    async def _result(self, call: Call) -> str:
        if call.kind not in self._augmentations:
            self._augmentations[call.kind] = create(call.kind, artifacts=self._artifacts)
        async for event in self._augmentations[call.kind].run(call):
            if isinstance(event, Result):
                return event.text
        return f"{ERROR_PREFIX}there was no result."
