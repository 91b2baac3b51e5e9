"""Measures how well a model calls tools: ``python -m`` this module.

Greedy decoding with the real tools, over fillings of the training texts that training never
saw and over questions that the generators cannot make.
"""

import argparse
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from deployments.models.catalog import CATALOG, resolve
from deployments.models.dialogue import ERROR_PREFIX, Dialogue, answer, dialogue, user
from deployments.models.dialogues import GENERATORS, TOOLS, draw
from deployments.models.library import wordnet_library
from deployments.models.markup import CALL_END, TURN_END, inserted
from deployments.models.toolbox import Toolbox

logger = logging.getLogger(__name__)

PARAPHRASES_FILE = Path(__file__).parent / "paraphrases.json"
KINDS = ("calculator", "retrieval", "chat")
TURN_TOKENS = 128
MOST_CALLS = 4


@dataclass
class Trial:
    """One dialogue as the model carries it on.

    Attributes:
        reference: What it should have said.
        text: Prompt and all that followed.
        calls: The calls that it made.
        answers: The turns that it ended.
    """

    group: str
    reference: Dialogue
    text: str
    questions: list[str]
    calls: list[dict[str, Any]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    finished: bool = False

    @property
    def right_tools(self) -> bool:
        """Whether it called the right tools in the right order."""
        return [c.get("name") for c in self.calls] == [c["name"] for c in self.reference.calls]

    @property
    def right_calls(self) -> bool:
        """Whether it also got every argument right."""
        return self.calls == self.reference.calls

    @property
    def right_answer(self) -> bool:
        """Whether its last answer is right: word for word, or in substance."""
        expected: str = self.reference.messages[-1]["content"]
        if not self.answers:
            return False
        if not self.group.startswith("paraphrase"):
            return self.answers[-1] == expected
        return bool(re.search(rf"(?<![\d.]){re.escape(expected)}(?!\d|\.\d)", self.answers[-1]))


class Player:
    """Plays trials with a model and the real tools.

    Args:
        folder: The model folder.
        batch: Trials that generate together.
    """

    def __init__(self, folder: str, batch: int) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self._model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self._stops = self._tokenizer.convert_tokens_to_ids([TURN_END, CALL_END])
        self._batch = batch
        self._toolbox = Toolbox()

    def trial(self, group: str, reference: Dialogue) -> Trial:
        """A trial that stands at the first question of ``reference``."""
        first = next(i for i, m in enumerate(reference.messages) if m["role"] == "user")
        text = self._tokenizer.apply_chat_template(
            list(reference.messages[: first + 1]),
            tools=reference.openai_tools,
            tokenize=False,
            add_generation_prompt=True,
        )
        later = reference.messages[first + 1 :]
        questions = [m["content"] for m in later if m["role"] == "user"]
        return Trial(group, reference, text, questions)

    def play(self, trials: Sequence[Trial]) -> None:
        """Carries every trial to its end."""
        live = list(trials)
        while live:
            for start in range(0, len(live), self._batch):
                part = live[start : start + self._batch]
                for trial, said in zip(
                    part, self._generate([t.text for t in part]), strict=True
                ):
                    self._step(trial, said)
            live = [trial for trial in live if not trial.finished]
            logger.info("%d dialogues go on.", len(live))

    def _generate(self, texts: list[str]) -> list[str]:
        inputs = self._tokenizer(
            texts, return_tensors="pt", padding=True, add_special_tokens=False
        )
        with torch.inference_mode():
            output = self._model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=TURN_TOKENS,
                eos_token_id=self._stops,
            )
        said = []
        for row in output[:, inputs["input_ids"].shape[1] :].tolist():
            ends = [i for i, token in enumerate(row) if token in self._stops]
            said.append(self._tokenizer.decode(row[: ends[0] + 1] if ends else row))
        return said

    def _step(self, trial: Trial, said: str) -> None:
        trial.text += said
        if said.endswith(CALL_END) and len(trial.calls) < MOST_CALLS:
            call, result = self._toolbox.run(str(id(trial)), said)
            trial.text += inserted(self._scripted(trial, call) or result)
            trial.calls.append(call)
        elif said.endswith(TURN_END) and trial.questions:
            trial.answers.append(said.removesuffix(TURN_END))
            following = self._tokenizer.apply_chat_template(
                [user(trial.questions.pop(0))], tokenize=False, add_generation_prompt=True
            )
            trial.text += "\n" + following
        else:
            trial.answers.append(said.removesuffix(TURN_END))
            trial.finished = True

    @staticmethod
    def _scripted(trial: Trial, call: dict[str, Any]) -> str | None:
        """The failure that the reference plays at this call, which the real tool would not."""
        position = len(trial.calls)
        if position >= len(trial.reference.calls) or trial.reference.calls[position] != call:
            return None
        results = [m["content"] for m in trial.reference.messages if m["role"] == "tool"]
        return results[position] if results[position].startswith(ERROR_PREFIX) else None


def held_out(kind: str, count: int, seed: int) -> list[Dialogue]:
    """``count`` dialogues of ``kind`` with fillings that training never saw."""
    rng = Random(f"{seed} {kind}")
    return [draw(rng, "test", kind) for _ in range(count)]


def paraphrases() -> list[Dialogue]:
    """Questions in other words; a dialogue ends with what its answer must contain."""
    asked = json.loads(PARAPHRASES_FILE.read_text())
    library = wordnet_library()
    made = [
        dialogue("calculator", [user(q["question"]), answer(q["answer"])])
        for q in asked["calculator"]
    ]
    made += [
        dialogue("retrieval", [user(q["question"]), answer(library.sentences(q["title"])[0])])
        for q in asked["retrieval"]
    ]
    return [Dialogue(d.kind, d.messages, TOOLS) for d in made]


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a line for each kind of dialogue."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "model",
        nargs="?",
        default="smollm2-tools",
        help=f"a model folder, or one of {', '.join(CATALOG)}",
    )
    parser.add_argument("--count", type=int, default=40, help="held-out dialogues a kind")
    parser.add_argument("--kinds", nargs="+", choices=list(GENERATORS), default=KINDS)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=4242)
    parser.add_argument("--show", action="store_true", help="print the dialogues that fail")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    player = Player(resolve(options.model), options.batch)
    groups = {kind: held_out(kind, options.count, options.seed) for kind in options.kinds}
    for made in paraphrases():
        groups.setdefault(f"paraphrase {made.kind}", []).append(made)
    trials = [player.trial(group, made) for group, part in groups.items() for made in part]
    player.play(trials)
    report(trials, show=options.show)


def report(trials: Sequence[Trial], *, show: bool) -> None:
    """Logs the share of right dialogues of each group, and the wrong ones on demand.

    A paraphrase has no reference calls: there, a call counts as right when it leads to the
    right answer.
    """
    logger.info("%-24s %5s %7s %7s %7s", "group", "count", "tools", "calls", "answers")
    for group in dict.fromkeys(trial.group for trial in trials):
        part = [trial for trial in trials if trial.group == group]
        free = group.startswith("paraphrase")
        tools = [
            bool(t.calls) and {c.get("name") for c in t.calls} == {t.reference.kind}
            if free
            else t.right_tools
            for t in part
        ]
        calls = [t.right_answer if free else t.right_calls for t in part]
        answers = [t.right_answer for t in part]
        logger.info(
            "%-24s %5d %7d %7d %7d", group, len(part), sum(tools), sum(calls), sum(answers)
        )
        for trial, right in zip(part, answers, strict=True):
            if show and not right:
                logger.info("--- expected %s\n%s", trial.reference.messages[-1], trial.text)


if __name__ == "__main__":
    main()
