"""Requests in words that no generator has, and what makes an answer to them right."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deployments.models.dialogue import Dialogue, Message, answer, call, user
from deployments.models.dialogues import TOOLS
from deployments.models.games import held_out_games
from deployments.models.library import wordnet_library
from deployments.models.player import Player
from deployments.models.trial import Paraphrase

PARAPHRASES_FILE = Path(__file__).parent / "paraphrases.json"


def paraphrases(player: Player, file: Path = PARAPHRASES_FILE) -> list[Paraphrase]:
    """A trial for each request in ``file``, with all tools on."""
    asked: dict[str, list[dict[str, Any]]] = json.loads(file.read_text())
    games = iter(game.name for game in reversed(held_out_games()))
    made = []
    for kind, requests in asked.items():
        for request in requests:
            reference = Dialogue(kind, tuple(_messages(kind, request)), TOOLS)
            expected = request.get("answer", "")
            if kind == "retrieval":
                expected = wordnet_library().sentences(request["title"])[0]
            made.append(
                Paraphrase(
                    group=f"paraphrased {kind}",
                    game=next(games) if kind == "alfworld" else None,
                    accepted=tuple(request.get("accepted", ())),
                    mentioned=tuple(request.get("mentioned", ())),
                    expected=expected,
                    **player.opening(reference),
                )
            )
    return made


def _messages(kind: str, request: dict[str, Any]) -> Iterator[Message]:
    """The question, and what the human will reply when asked."""
    yield user(request["question"])
    for reply in request.get("replies", ()):
        yield from call(kind, {}, reply)
    yield answer(request.get("answer", ""))
