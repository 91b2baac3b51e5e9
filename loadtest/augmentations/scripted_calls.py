"""Has a real model make given calls, through vLLM's plugin for logits."""

from collections.abc import Sequence
from typing import Any

import torch
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import AdapterLogitsProcessor

SCRIPT = "script"
"""Key in ``extra_args``: the token that ends a call, then the tokens of each turn."""


class ScriptedCalls(AdapterLogitsProcessor):
    """Forces the tokens of a turn; how many calls there were tells which turn it is."""

    def is_argmax_invariant(self) -> bool:
        return False

    def new_req_logits_processor(self, params: SamplingParams) -> Any:
        script = (params.extra_args or {}).get(SCRIPT)
        if script is None:
            return None
        call_end, *turns = script

        def force(
            prompt_ids: Sequence[int], output_ids: Sequence[int], logits: torch.Tensor
        ) -> torch.Tensor:
            turn = turns[min(list(prompt_ids).count(call_end), len(turns) - 1)]
            token = turn[min(len(output_ids), len(turn) - 1)]
            forced = torch.full_like(logits, float("-inf"))
            forced[token] = 0.0
            return forced

        return force
