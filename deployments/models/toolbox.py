"""Real augmentations, called without a server."""

import asyncio
import json
from typing import Any

from augment_workers.base import Augmentation, AugmentationError
from augment_workers.registry import BUILT_IN, create
from deployments.models.dialogue import ERROR_PREFIX
from intercept_core.bus.messages import Call, Result


class Toolbox:
    """Answers calls as the model wrote them, in the words that a server would insert."""

    def __init__(self) -> None:
        self._augmentations: dict[str, Augmentation] = {}

    def run(
        self, session_id: str, text: str, *, game: str | None = None
    ) -> tuple[dict[str, Any], str]:
        """The call that ``text`` holds, empty when it holds none, and its result.

        Args:
            session_id: Tells games and open articles apart.
            text: What the model said.
            game: The one that begins when the model begins a game.
        """
        body = text.rpartition("<tool_call>")[2].removesuffix("</tool_call>")
        try:
            function = dict(json.loads(body))
            name, arguments = str(function["name"]), dict(function["arguments"])
        except (ValueError, TypeError, KeyError):
            return {}, f"{ERROR_PREFIX}the call is not readable."
        if name not in BUILT_IN:
            return function, f"{ERROR_PREFIX}there is no tool {name}."
        if game and arguments == {"action": "start"}:
            arguments["game"] = game
        call = Call(
            call_id="call",
            request_id=session_id,
            session_id=session_id,
            kind=name,
            arguments=arguments,
            timeout_s=30,
            lease_s=30,
        )
        try:
            return function, asyncio.run(self._result(call))
        except AugmentationError as error:
            return function, f"{ERROR_PREFIX}{error}"
        except (KeyError, AttributeError, TypeError):
            return function, f"{ERROR_PREFIX}the arguments do not fit."

    async def _result(self, call: Call) -> str:
        if call.kind not in self._augmentations:
            self._augmentations[call.kind] = create(call.kind)
        async for event in self._augmentations[call.kind].run(call):
            if isinstance(event, Result):
                return event.text
        return f"{ERROR_PREFIX}there was no result."
