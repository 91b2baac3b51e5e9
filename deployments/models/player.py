"""Lets a model carry dialogues on, in the engine that serves it, with the real tools."""

import logging
import os
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")

from vllm import LLM, SamplingParams, TokensPrompt

from deployments.models.dialogue import Dialogue, user
from deployments.models.markup import CALL_END, TURN_END, inserted
from deployments.models.toolbox import Toolbox, read_call
from deployments.models.trial import Trial

logger = logging.getLogger(__name__)

CONTEXT_TOKENS = 2048
TURN_TOKENS = 128
MOST_CALLS = 5
MOST_MOVES = 16
"""Calls that a dialogue may make, and a game."""


class Player:
    """Plays trials, greedily.

    Args:
        folder: The model folder.
        batch: Trials that generate together.
        dtype: What it computes in.
    """

    def __init__(self, folder: str, batch: int, dtype: str = "float32") -> None:
        self._llm = LLM(
            folder,
            dtype=dtype,
            max_model_len=CONTEXT_TOKENS,
            max_num_seqs=batch,
            enforce_eager=True,
        )
        self._tokenizer: Any = self._llm.get_tokenizer()
        self._sampling = SamplingParams(
            temperature=0,
            max_tokens=TURN_TOKENS,
            stop_token_ids=self._tokenizer.convert_tokens_to_ids([TURN_END, CALL_END]),
        )
        self._toolbox = Toolbox()

    def opening(self, reference: Dialogue) -> dict[str, Any]:
        """The fields of a trial that stands at the first question of ``reference``."""
        first = next(i for i, m in enumerate(reference.messages) if m["role"] == "user")
        text = self._tokenizer.apply_chat_template(
            list(reference.messages[: first + 1]),
            tools=reference.openai_tools,
            tokenize=False,
            add_generation_prompt=True,
        )
        later = reference.messages[first + 1 :]
        questions = [m["content"] for m in later if m["role"] == "user"]
        return {"reference": reference, "text": text, "questions": questions}

    def close(self) -> None:
        """Ends the tools."""
        self._toolbox.close()

    def play(self, trials: Sequence[Trial]) -> None:
        """Carries every trial to its end."""
        live = list(trials)
        while live:
            for trial, said in zip(live, self._generate(live), strict=True):
                self._step(trial, said)
            live = [trial for trial in live if not trial.finished]
            logger.info("%d dialogues go on.", len(live))

    def _generate(self, trials: Sequence[Trial]) -> list[str]:
        """What the model says next in each; nothing where the context is full."""
        prompts = [self._tokenizer.encode(t.text, add_special_tokens=False) for t in trials]
        fitting = [
            i for i, ids in enumerate(prompts) if len(ids) + TURN_TOKENS <= CONTEXT_TOKENS
        ]
        outputs = self._llm.generate(
            [TokensPrompt(prompt_token_ids=prompts[i]) for i in fitting],
            self._sampling,
            use_tqdm=False,
        )
        said = [""] * len(trials)
        for i, output in zip(fitting, outputs, strict=True):
            said[i] = self._tokenizer.decode(list(output.outputs[0].token_ids))
        return said

    def _step(self, trial: Trial, said: str) -> None:
        trial.text += said
        most = MOST_MOVES if trial.game else MOST_CALLS
        if said.endswith(CALL_END) and len(trial.calls) < most:
            call = read_call(said)
            result = trial.scripted(call)
            if result is None:
                result = self._toolbox.run(str(id(trial)), call, game=trial.game)
            trial.text += inserted(result)
            trial.calls.append(call)
            trial.results.append(result)
        elif said.endswith(TURN_END) and trial.questions:
            trial.answers.append(said.removesuffix(TURN_END))
            following = self._tokenizer.apply_chat_template(
                [user(trial.questions.pop(0))], tokenize=False, add_generation_prompt=True
            )
            trial.text += "\n" + following
        else:
            trial.answers.append(said.removesuffix(TURN_END))
            trial.finished = True
