"""Measures how well a model calls tools: ``python -m`` this module.

Greedy decoding in vLLM with the real tools, over fillings of the training texts and games
that training never saw, and over requests in words that the generators do not have.
"""

import argparse
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

from deployments.models import smollm2
from deployments.models.catalog import CATALOG, resolve
from deployments.models.dialogue import Dialogue, answer, user
from deployments.models.dialogues import GENERATORS, draw
from deployments.models.games import KIND as GAME
from deployments.models.games import REQUESTS, VARIED_REQUESTS, held_out_games
from deployments.models.paraphrases import PARAPHRASES_FILE, paraphrases
from deployments.models.player import Player
from deployments.models.trial import Trial

logger = logging.getLogger(__name__)

KINDS = ("calculator", "retrieval", "chatbot", "image", "speech", GAME)
GAME_REQUESTS = {GAME: REQUESTS, f"varied-{GAME}": VARIED_REQUESTS}


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a line for each kind of dialogue."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "model",
        nargs="?",
        default="smollm2-tools",
        help=f"a model folder, or one of {', '.join(CATALOG)}",
    )
    parser.add_argument("--adapter", type=Path, help="one for the demo model, not its own")
    parser.add_argument("--count", type=int, default=24, help="held-out dialogues a kind")
    parser.add_argument("--kinds", nargs="*", choices=list(GENERATORS), default=KINDS)
    parser.add_argument("--no-paraphrases", action="store_true")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument(
        "--dtype", default="float32", help="bfloat16 is faster on CPUs with instructions for it"
    )
    parser.add_argument("--seed", type=int, default=4242)
    parser.add_argument("--show", action="store_true", help="print the dialogues that fail")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as scratch:
        folder = (
            str(smollm2.prepare(Path(scratch, "adapted"), options.adapter))
            if options.adapter
            else resolve(options.model)
        )
        measure(folder, options)


def measure(folder: str, options: argparse.Namespace) -> None:
    """Reports on the model in ``folder``: first on what is quick, then on the games."""
    player = Player(folder, options.batch, options.dtype)
    trials = [
        trial
        for kind in options.kinds
        for trial in held_out_trials(player, kind, options.count, options.seed)
    ]
    if not options.no_paraphrases:
        trials += paraphrases(player, PARAPHRASES_FILE)
    games = [trial for trial in trials if trial.game]
    questions = [trial for trial in trials if not trial.game]
    for part in filter(None, (questions, games)):
        player.play(part)
        report(part, show=options.show)
    player.close()
    logger.info("In games, arguments and answers count those that were won.")


def held_out_trials(player: Player, kind: str, count: int, seed: int) -> list[Trial]:
    """``count`` dialogues of ``kind`` that training never saw, or so many games."""
    if kind not in GAME_REQUESTS:
        made = held_out(kind, count, seed)
        return [Trial(group=kind, **player.opening(reference)) for reference in made]
    trials, requests = [], GAME_REQUESTS[kind]
    for number, shipped in enumerate(held_out_games()[:count]):
        asked = user(requests[number % len(requests)])
        reference = Dialogue(GAME, (asked, answer("")), (GAME,))
        trials.append(Trial(group=kind, game=shipped.name, **player.opening(reference)))
    return trials


def held_out(kind: str, count: int, seed: int) -> list[Dialogue]:
    """``count`` dialogues of ``kind`` with fillings that training never saw."""
    rng = Random(f"{seed} {kind}")
    return [draw(rng, "test", kind) for _ in range(count)]


def report(trials: Sequence[Trial], *, show: bool) -> None:
    """Logs how many dialogues of each group are right, and the wrong ones on demand."""
    logger.info("%-24s %5s %7s %10s %8s", "", "count", "tools", "arguments", "answers")
    for group in dict.fromkeys(trial.group for trial in trials):
        part = [trial for trial in trials if trial.group == group]
        logger.info(
            "%-24s %5d %7d %10d %8d",
            *(group, len(part), sum(t.right_tools for t in part)),
            *(sum(t.right_calls for t in part), sum(t.right_answer for t in part)),
        )
        for trial in part:
            if show and not (trial.right_calls and trial.right_answer):
                logger.info("--- expected %s\n%s", trial.reference.messages[-1], trial.text)


if __name__ == "__main__":
    main()
