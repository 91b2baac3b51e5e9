"""Which games there are: those that come with the project, or a folder of ALFWorld's."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from augment_workers.alfworld.protocol import Start

Split = Literal["train", "test"]
GAMES_FILE = Path(__file__).with_name("games.json")
_FILE_NAME = "game.tw-pddl"


@dataclass(frozen=True, slots=True)
class ShippedGame:
    """A game that comes with the project: a small room and a task in it.

    Attributes:
        name: What tells it apart.
        split: Whether models may learn from it.
        kind: ALFRED's type of the task.
        task: What is to be done, in words.
        problem: The room and the goal, in PDDL.
    """

    name: str
    split: Split
    kind: str
    task: str
    problem: str

    @property
    def outline(self) -> str:
        """The kind of task, of thing and of place: the name less its number."""
        return self.name.rpartition("-")[0]

    def start(self, idle_s: float = 600.0, *, planned: bool = False) -> Start:
        """The message that begins this game."""
        return Start(problem=self.problem, task=self.task, idle_s=idle_s, planned=planned)


class Games(ABC):
    """A collection of games.

    Attributes:
        names: Of all games, sorted; never empty.
        source: Where they are from, for the log.
    """

    names: Sequence[str]
    source: str

    @abstractmethod
    def start(self, name: str, idle_s: float) -> Start:
        """The message that begins the game of this name."""

    def pick(self, seed: int, session_id: str, turn: int) -> str:
        """A name; for the same arguments always the same."""
        digest = hashlib.sha256(f"{seed}/{session_id}/{turn}".encode()).digest()
        return self.names[int.from_bytes(digest[:8]) % len(self.names)]

    def similar(self, name: str) -> list[str]:
        """At most three names like this one, or the first ones."""
        return get_close_matches(name, self.names, n=3) or list(self.names[:3])


class ShippedGames(Games):
    """The games that come with the project, or others made like them.

    Args:
        split: Only games of this split.
        games: Those of the project if None.
    """

    def __init__(
        self, split: Split | None = None, games: Iterable[ShippedGame] | None = None
    ) -> None:
        games = read_games() if games is None else games
        self._games = {game.name: game for game in games if split in (None, game.split)}
        self.names = sorted(self._games)
        self.source = f"{len(self.names)} games of its own"

    def start(self, name: str, idle_s: float) -> Start:
        return self._games[name].start(idle_s)


class GameFolder(Games):
    """The games in a folder, such as ``alfworld-download`` fills.

    Args:
        folder: Holds files ``game.tw-pddl``, at any depth; the path to one, without the
            file, is the game's name.
        split: Only games below a folder of this name (``train``, ``valid_seen``, ...).

    Raises:
        ValueError: when there are no games.
    """

    def __init__(self, folder: Path, split: str | None = None) -> None:
        folder = folder.expanduser()
        found = [path.parent.relative_to(folder) for path in folder.rglob(_FILE_NAME)]
        if not found:
            raise ValueError(
                f"data: {folder} holds no file {_FILE_NAME}; give the folder that"
                " alfworld-download has filled, or leave data out (and ALFWORLD_DATA unset)"
                " to play the games that come with this project"
            )
        chosen = [path for path in found if split is None or split in path.parts[:-1]]
        if not chosen:
            others = ", ".join(sorted({part for path in found for part in path.parts[:-1][:2]}))
            raise ValueError(
                f"split: {folder} has no folder {split!r} with games in it; there are: {others}"
            )
        self._folder = folder
        self.names = sorted(map(str, chosen))
        self.source = f"{len(self.names)} games of {folder}"

    def start(self, name: str, idle_s: float) -> Start:
        return Start(file=str(self._folder / name / _FILE_NAME), idle_s=idle_s)


def read_games(file: Path = GAMES_FILE) -> list[ShippedGame]:
    """All games that come with the project."""
    return [ShippedGame(**fields) for fields in json.loads(file.read_text())]
