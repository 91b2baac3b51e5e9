"""Makes a real model say given texts, through vLLM's logits processor plugin."""

from collections.abc import Sequence
from typing import Any

import torch
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor

SCRIPT = "script"
"""Key in ``extra_args``: ``[trigger token id, tokens of turn 0, tokens of turn 1, …]``."""


class ScriptedLogits(AdapterLogitsProcessor):
    """Forces the tokens of a script; the number of calls so far tells the turn."""

    def is_argmax_invariant(self) -> bool:
        return False

    def new_req_logits_processor(self, params: SamplingParams) -> Any:
        script = (params.extra_args or {}).get(SCRIPT)
        if script is None:
            return None
        trigger, *turns = script

        def force(
            prompt_ids: Sequence[int], output_ids: Sequence[int], logits: torch.Tensor
        ) -> torch.Tensor:
            turn = turns[min(list(prompt_ids).count(trigger), len(turns) - 1)]
            token = turn[len(output_ids)] if len(output_ids) < len(turn) else turn[-1]
            forced = torch.full_like(logits, float("-inf"))
            forced[token] = 0.0
            return forced

        return force
