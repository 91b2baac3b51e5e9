"""Scripts for requests that come over HTTP; replicas of the tests import it."""

import json
from typing import Any

from vllm import SamplingParams

from loadtest.augmentations.scripted_calls import SCRIPT, ScriptedCalls

XARG = "script_json"
"""``vllm_xargs`` holds no nested lists, so the script travels as JSON."""


class ServedScript(ScriptedCalls):
    """Reads the script from a request's ``vllm_xargs``."""

    def new_req_logits_processor(self, params: SamplingParams) -> Any:
        script = (params.extra_args or {}).get(XARG)
        if script is None:
            return None
        return super().new_req_logits_processor(
            SamplingParams(extra_args={SCRIPT: json.loads(script)})
        )
