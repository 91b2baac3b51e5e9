"""What travels between an augmentation and the processes of its games: lines of JSON."""

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first message to a new process: the game that it plays.

    Attributes:
        file: Path of a ``game.tw-pddl``; empty for a game that comes with the project.
        problem: PDDL of the latter.
        task: What is to be done there, for the player.
        planned: Whether to look for a way to win, for the first observation.
        idle_s: Seconds without a message after which the process ends by itself.
    """

    file: str = ""
    problem: str = ""
    task: str = ""
    planned: bool = False
    idle_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A command of the player."""

    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the player sees.

    Attributes:
        text: The game's own words.
        commands: All that can be done now.
        won: Whether the task is done.
        plan: The commands that win from here, of one who knows where everything is; empty
            where nobody asked, or no way was found.
    """

    text: str
    commands: list[str] = field(default_factory=list)
    won: bool = False
    plan: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The game cannot go on; the process ends.

    Attributes:
        reason: In words for the operator's log and the model.
    """

    reason: str


Message = Start | Act | Observation | Fault
_TYPES = {kind.__name__: kind for kind in (Start, Act, Observation, Fault)}


def encode(message: Message) -> bytes:
    """One line."""
    return json.dumps([type(message).__name__, asdict(message)]).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line.

    Raises:
        ValueError: when it is none.
    """
    name, fields = json.loads(line)
    if name not in _TYPES:
        raise ValueError(f"no message is called {name}")
    return _TYPES[name](**fields)
