"""Plays by sight: an expert that knows no more than the model that learns from it."""

import re
from dataclasses import dataclass, field

_VERBS = {"clean": "sinkbasin", "heat": "microwave", "cool": "fridge"}
"""What changes a thing, and the piece of furniture that does it."""

_ADJECTIVES = {"clean": "clean", "hot": "heat", "cool": "cool"}
_LISTED = re.compile(r"\nYou can: (.*?)(?: and \d+ more)?\.$", re.DOTALL)
_TASKS = tuple(
    re.compile(pattern + r"\.")
    for pattern in (
        r"(?P<count>put two|find two) (?P<thing>\w+)(?: and put them)? in (?P<goal>\w+)",
        r"(?P<verb>clean|heat|cool) some (?P<thing>\w+) and put it in (?P<goal>\w+)",
        r"put a (?P<adjective>clean|hot|cool) (?P<thing>\w+) in (?P<goal>\w+)",
        r"put (?:a|some) (?P<thing>\w+) (?:in|on) (?P<goal>\w+)",
        r"look at (?P<thing>\w+) under the (?P<lamp>\w+)",
        r"examine the (?P<thing>\w+) with the (?P<lamp>\w+)",
    )
)


@dataclass(frozen=True, slots=True)
class Move:
    """A command, and why."""

    thought: str
    command: str


@dataclass(slots=True)
class Explorer:
    """One game, from the first observation on.

    It looks in one place after the other, in the order in which they are listed, until it
    sees what the task is about, and then does what the task says.

    Args:
        first: The first observation, as the model reads it.

    Raises:
        ValueError: when the task is of no known form.
    """

    first: str
    _thing: str = field(init=False)
    _goal: str = field(init=False, default="")
    _lamp: str = field(init=False, default="")
    _verb: str = field(init=False, default="")
    _places: list[str] = field(init=False)
    _searched: set[str] = field(init=False, default_factory=set)
    _seen: dict[str, str] = field(init=False, default_factory=dict)
    _lamp_at: str = field(init=False, default="")
    _here: str = field(init=False, default="")
    _held: str = field(init=False, default="")
    _changed: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        task = self.first.partition("Your task is to: ")[2]
        found = next(filter(None, (pattern.match(task) for pattern in _TASKS)), None)
        if found is None:
            raise ValueError(f"no task is read in {self.first!r}")
        words = found.groupdict()
        self._thing, self._goal = words["thing"], words.get("goal") or ""
        self._lamp = words.get("lamp") or ""
        self._verb = words.get("verb") or _ADJECTIVES.get(words.get("adjective") or "", "")
        self._places = [
            command.removeprefix("go to ")
            for command in listed_commands(self.first)
            if command.startswith("go to ")
        ]

    def next(self, observation: str) -> Move:
        """What to do after ``observation``.

        Raises:
            LookupError: when there is nothing left to try.
        """
        commands = listed_commands(observation)
        self._look(observation, commands)
        move = self._use(commands) if self._held else self._fetch(commands)
        self._note(move.command)
        return move

    def _look(self, observation: str, commands: list[str]) -> None:
        if not self._here:
            return
        if f"open {self._here}" not in commands:
            self._searched.add(self._here)
        if self._lamp and f"{self._lamp} " in observation:
            self._lamp_at = self._here
        for command in commands:
            if found := re.fullmatch(rf"take ({self._thing} \d+) from (.*)", command):
                self._seen[found[1]] = found[2]

    def _fetch(self, commands: list[str]) -> Move:
        """Looks for the thing until it is at hand."""
        wanted = {
            thing: place for thing, place in self._seen.items() if not self._is_goal(place)
        }
        for thing, place in wanted.items():
            if place == self._here:
                return Move(f"Here is a {self._thing}.", f"take {thing} from {place}")
        opening = f"open {self._here}"
        if opening in commands and self._here not in self._searched:
            return Move("It is closed.", opening)
        for place in wanted.values():
            return Move(f"There is another {self._thing}.", f"go to {place}")
        return self._search(self._thing)

    def _use(self, commands: list[str]) -> Move:
        """Does with the thing in hand what the task says."""
        if self._verb and not self._changed:
            tool = self._place_of(_VERBS[self._verb])
            if tool == self._here:
                return Move(
                    f"I {self._verb} it here.", f"{self._verb} {self._held} with {tool}"
                )
            return Move(f"I have to {self._verb} it.", f"go to {tool}")
        if self._lamp:
            use = next((c for c in commands if c.startswith(f"use {self._lamp} ")), None)
            if use is not None:
                return Move(f"Here is the {self._lamp}.", use)
            if self._lamp_at:
                return Move(f"I saw the {self._lamp}.", f"go to {self._lamp_at}")
            return self._search(self._lamp)
        goal = self._place_of(self._goal)
        if goal != self._here:
            return Move(f"I bring it to the {self._goal}.", f"go to {goal}")
        if f"open {goal}" in commands:
            return Move("It is closed.", f"open {goal}")
        return Move("It belongs here.", f"move {self._held} to {goal}")

    def _search(self, what: str) -> Move:
        for place in self._places:
            if place not in self._searched and not self._is_goal(place):
                return Move(f"I look for a {what}.", f"go to {place}")
        raise LookupError(f"there is no {what} anywhere")

    def _note(self, command: str) -> None:
        """What this command changes, if it works."""
        words = command.split()
        match words[0]:
            case "go":
                self._here = " ".join(words[2:])
            case "take":
                self._held = " ".join(words[1:3])
                del self._seen[self._held]
            case "move":
                self._held, self._changed = "", False
            case "clean" | "heat" | "cool":
                self._changed = True

    def _is_goal(self, place: str) -> bool:
        return bool(self._goal) and place.split()[0] == self._goal

    def _place_of(self, kind: str) -> str:
        for place in self._places:
            if place.split()[0] == kind:
                return place
        raise LookupError(f"there is no {kind} anywhere")


def listed_commands(observation: str) -> list[str]:
    """The commands that an observation lists, in its order."""
    found = _LISTED.search(observation)
    return found[1].split(", ") if found else []
