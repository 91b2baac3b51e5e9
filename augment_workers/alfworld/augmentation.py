"""Household tasks in a text world: ALFWorld (arXiv 2010.03768) as an augmentation."""

import logging
import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, get_args

from augment_workers.alfworld.engine import Engine, EngineError, Episode
from augment_workers.alfworld.games import GameFolder, Games, ShippedGames, Split
from augment_workers.alfworld.protocol import Act, Observation
from augment_workers.base import Augmentation, AugmentationError
from intercept_core.bus.messages import Call, Event

_log = logging.getLogger(__name__)

START = "start"
"""The action that begins a game."""

WON = "You won."
_NO_GAME = f"Begin one with the action {START}."
_FREE = ("look", "inventory", "help")


@dataclass(slots=True)
class _Seat:
    """What is kept for one session.

    Attributes:
        episode: The game under way; None before, between and after games.
        busy: Whether a call is at work on it.
        played: Games begun.
    """

    used_s: float
    episode: Episode | None = None
    busy: bool = False
    played: int = 0


class Alfworld(Augmentation):
    """Plays text games in TextWorld; every session has a game of its own.

    The observation ends with the commands that lead on; others that the game knows
    (``look``, ``inventory``, ``examine``, ``close``) work, too. A game ends when it is won,
    when nobody plays for long, when a call is cancelled in the middle, and when its session
    begins another.

    Args:
        data: Folder of ALFWorld's games, or a collection; by default ``$ALFWORLD_DATA``,
            and where that is not set, the games that come with the project.
        split: Only games of this split: ``train`` or ``test`` of the project's own (``test``
            if None), or a folder in ``data`` such as ``valid_unseen`` (all if None).
        seed: Decides, with the session's id, which game a session gets.
        python: Interpreter for the games, of an environment with ``alfworld`` and its
            compiled dependencies, for instance; by default the one of this process.
        engine: Where games are played, instead of one of its own; not closed with this.
        max_games: Games at the same time; beyond it the one that rests longest ends.
        idle_s: Seconds without a move after which a game ends.
        max_commands: Commands that an observation lists at most.
        clock: Seconds, monotonic.

    Raises:
        ValueError: when there are no such games.
        OSError: when ``python`` cannot be run.
    """

    kind = "alfworld"
    description = (
        "A household simulator. Begin with the action start, which gives a task; then give"
        " one command at a time, out of those that the last observation lists."
    )
    parameters: ClassVar[dict[str, Any]] = {
        "type": "object",
        "properties": {
            "action": {"type": "string", "pattern": "\\S", "maxLength": 200},
            "game": {
                "type": "string",
                "maxLength": 300,
                "description": "With start: the name of a certain game.",
            },
        },
        "required": ["action"],
        "additionalProperties": False,
    }
    typical_duration_s = 0.02
    keeps_sessions = True

    def __init__(
        self,
        data: Path | Games | None = None,
        *,
        split: str | None = None,
        seed: int = 0,
        python: Path | None = None,
        engine: Engine | None = None,
        max_games: int = 64,
        idle_s: float = 600.0,
        max_commands: int = 16,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._games = _open_games(data, split)
        self._seed = seed
        self._max_games = max_games
        self._idle_s = idle_s
        self._max_commands = max_commands
        self._clock = clock
        self._own_engine = engine is None
        self._engine = engine or Engine(python)
        self._seats: OrderedDict[str, _Seat] = OrderedDict()
        self._begin_s = 2.0
        _log.info("ALFWorld plays %s.", self._games.source)

    async def run(self, call: Call) -> AsyncIterator[Event]:
        """Yields what the player sees after the action.

        Raises:
            AugmentationError: when no game is under way, or it cannot go on.
        """
        action = " ".join(call.arguments["action"].split()).lower()
        seat = self._take_seat(call.session_id)
        seat.busy = True
        try:
            if action == START:
                yield call.progress(fraction=0.0, eta_s=self._begin_s)
                observation = await self._begin(call, seat)
            elif seat.episode is None:
                raise AugmentationError(f"No game is under way. {_NO_GAME}")
            else:
                observation = await seat.episode.ask(Act(command=action))
            if observation.won:
                _leave(seat)
        except EngineError as error:
            _leave(seat)
            raise AugmentationError(f"The game ended: {error}. {_NO_GAME}") from error
        except AugmentationError:
            raise
        except BaseException:
            # Nobody knows whether the move was made, and nobody waits for it any more.
            _leave(seat)
            raise
        finally:
            seat.busy = False
        yield call.result(describe(observation, self._max_commands))

    async def close(self) -> None:
        """Ends all games and their processes."""
        for seat in self._seats.values():
            _leave(seat)
        if self._own_engine:
            self._engine.close()

    async def _begin(self, call: Call, seat: _Seat) -> Observation:
        _leave(seat)
        name = call.arguments.get("game") or self._games.pick(
            self._seed, call.session_id, seat.played
        )
        if name not in self._games.names:
            raise AugmentationError(
                f"There is no game {name}. There are {', '.join(self._games.similar(name))}."
            )
        self._make_room(seat)
        seat.played += 1
        began_s = self._clock()
        start = self._games.start(name, self._idle_s)
        seat.episode, observation = await self._engine.begin(start)
        self._begin_s += 0.3 * (self._clock() - began_s - self._begin_s)
        return observation

    def _take_seat(self, session_id: str) -> _Seat:
        """The session's seat, used now; idle ones are given up.

        Raises:
            AugmentationError: when another call of the session is at work.
        """
        now_s = self._clock()
        for other, seat in list(self._seats.items()):  # The longest at rest come first.
            if now_s - seat.used_s <= self._idle_s:
                break
            if not seat.busy:
                _leave(seat)
                del self._seats[other]
        seat = self._seats.setdefault(session_id, _Seat(now_s))
        if seat.busy:
            raise AugmentationError("The last action of this game is still under way.")
        seat.used_s = now_s
        self._seats.move_to_end(session_id)
        return seat

    def _make_room(self, mine: _Seat) -> None:
        """Ends the game that rests longest when others are as many as there may be.

        Raises:
            AugmentationError: when none rests.
        """
        others = [seat for seat in self._seats.values() if seat is not mine]
        playing = [seat for seat in others if seat.busy or seat.episode is not None]
        if len(playing) < self._max_games:
            return
        resting = next((seat for seat in playing if not seat.busy), None)
        if resting is None:
            raise AugmentationError(
                f"All {self._max_games} games are being played; try again later.",
                retryable=True,
            )
        _leave(resting)


def _open_games(data: Path | Games | None, split: str | None) -> Games:
    if isinstance(data, Games):
        return data
    if data is None and (configured := os.environ.get("ALFWORLD_DATA")):
        data = Path(configured)
    if data is not None:
        return GameFolder(data, split)
    for known in get_args(Split):
        if known == (split or "test"):
            return ShippedGames(known)
    raise ValueError(
        f"split: {split!r} is no split of the project's own games; there are"
        f" {' and '.join(get_args(Split))}, and others with data"
    )


def _leave(seat: _Seat) -> None:
    if seat.episode is not None:
        seat.episode.close()
        seat.episode = None


def describe(observation: Observation, max_commands: int = 16) -> str:
    """What the model reads: the game's words, then the commands that lead on."""
    if observation.won:
        return f"{observation.text} {WON}"
    commands = useful_commands(observation)
    listed = ", ".join(commands[:max_commands])
    more = len(commands) - max_commands
    return f"{observation.text}\nYou can: {listed}{f' and {more} more' if more > 0 else ''}."


def useful_commands(observation: Observation) -> list[str]:
    """The commands that can lead on: what can be done here first, then where to go."""
    useful = [
        command
        for command in observation.commands
        if command not in _FREE and not command.startswith(("examine ", "close "))
    ]
    return sorted(useful, key=lambda command: command.startswith("go to "))
