"""Plays household games by what a player can see: the expert that the models imitate.

A planner knows where everything is, and whoever imitates it learns to guess. This expert
looks into one place after the other, in the order in which the room lists them, and says
before each command why.
"""

import re
from dataclasses import dataclass

_TASKS = (
    re.compile(r"(?:put|find) two (?P<thing>\w+) (?:and put them )?(?:in|on) (?P<to>\w+)"),
    re.compile(r"(?P<state>\w+) some (?P<thing>\w+) and put it (?:in|on) (?P<to>\w+)"),
    re.compile(r"put a (?P<state>clean|hot|cool) (?P<thing>\w+) (?:in|on) (?P<to>\w+)"),
    re.compile(r"put (?:a|some) (?P<thing>\w+) (?:in|on) (?P<to>\w+)"),
    re.compile(r"look at (?P<thing>\w+) under the (?P<lamp>\w+)"),
    re.compile(r"examine the (?P<thing>\w+) with the (?P<lamp>\w+)"),
)
_VERBS = {"clean": "clean", "hot": "heat", "heat": "heat", "cool": "cool"}
_DEVICES = {"clean": "sinkbasin", "heat": "microwave", "cool": "fridge"}

_NAME = r"(\w+ \d+)"
_SEEN = re.compile(rf"\ban? {_NAME}")
_ARRIVED = re.compile(rf"You arrive at {_NAME}\.")
_TAKEN = re.compile(rf"You pick up the {_NAME} from the {_NAME}\.")
_PUT = re.compile(rf"You move the {_NAME} to the {_NAME}\.")
_CHANGED = re.compile(r"You (clean|heat|cool) the ")
_CONTENTS = re.compile(r"(?:On the \w+ \d+|In it), you see (.*)")
_CLOSED = "is closed."


@dataclass(frozen=True, slots=True)
class Move:
    """What to say and then to type."""

    thought: str
    command: str


class Searcher:
    """The player of one game: tell it each observation, then ask for the next move.

    Args:
        intro: The first observation.

    Attributes:
        thing: What is wanted.
        target: The sort of place where it belongs, or the lamp to look at it by.

    Raises:
        ValueError: when the task is of no known kind.
    """

    def __init__(self, intro: str) -> None:
        task = re.search(r"Your task is to: (.*?)\.?\s*$", intro, re.MULTILINE)
        found = next((m for p in _TASKS if task and (m := p.fullmatch(task[1]))), None)
        if found is None:
            raise ValueError(f"no task of a known kind: {intro}")
        assert task is not None
        self._task = task[1]
        fields = found.groupdict()
        self.thing, self.target = fields["thing"], fields.get("to") or fields["lamp"]
        self._by_lamp = "lamp" in fields
        self._verb = _VERBS[fields["state"]] if fields.get("state") else None
        listed = intro.split("you see", 1)[1].split("Your task", 1)[0]
        self._places = _SEEN.findall(listed)
        self._here = ""
        self._contents: dict[str, list[str]] = {}
        self._closed: set[str] = set()
        self._held = ""
        self._changed: set[str] = set()

    def observe(self, text: str) -> None:
        """Takes in what the last command brought about."""
        said = text.split("You can:")[0]
        if arrived := _ARRIVED.search(said):
            self._here = arrived[1]
        if taken := _TAKEN.search(said):
            self._held = taken[1]
            self._contents[taken[2]].remove(taken[1])
        elif put := _PUT.search(said):
            self._held = ""
            self._contents.setdefault(put[2], []).append(put[1])
        elif _CHANGED.search(said):
            self._changed.add(self._held)
        elif self._here and f"{self._here} {_CLOSED}" in said:
            self._closed.add(self._here)
        elif self._here and (seen := _CONTENTS.search(said)):
            self._closed.discard(self._here)
            self._contents[self._here] = _SEEN.findall(seen[1])

    def move(self) -> Move:
        """The next command, and why.

        Each thought repeats the task: what stands far back is what small models forget.
        """
        move = self._deliver() if self._held else self._search()
        return Move(f"Task: {self._task}. {move.thought}", move.command)

    @property
    def _wanted(self) -> dict[str, str]:
        """Known things of the sort that is wanted, where they do not belong: place by thing."""
        return {
            item: place
            for place, items in self._contents.items()
            for item in items
            if _sort(item) == self.thing and _sort(place) != self.target
        }

    def _search(self) -> Move:
        known = self._wanted
        for item, place in known.items():
            if place == self._here:
                article = "an" if self.thing[0] in "aeiou" else "a"
                return Move(f"Here is {article} {self.thing}.", f"take {item} from {place}")
        if self._here in self._closed:
            return Move(f"It {_CLOSED}", f"open {self._here}")
        if known:
            place = next(iter(known.values()))
            return Move(f"There is one more in {place}.", f"go to {place}")
        return self._look_on(self.thing)

    def _look_on(self, sort: str) -> Move:
        unseen = (place for place in self._places if place not in self._contents)
        place = next((p for p in unseen if _sort(p) != self.target), self._places[0])
        why = f"First is {place}." if not self._here else f"No {sort} here. Next is {place}."
        return Move(why, f"go to {place}")

    def _deliver(self) -> Move:
        if _sort(self._held) != self.thing:
            return Move("I do not need it.", f"move {self._held} to {self._here}")
        if self._verb and self._held not in self._changed:
            device = self._first(_DEVICES[self._verb])
            if self._here != device:
                return Move(f"I {self._verb} it with {device}.", f"go to {device}")
            return Move(f"Now I {self._verb} it.", f"{self._verb} {self._held} with {device}")
        if self._by_lamp:
            return self._light()
        target = self._first(self.target)
        if self._here != target:
            return Move(f"I bring it to {target}.", f"go to {target}")
        if target in self._closed:
            return Move(f"It {_CLOSED}", f"open {target}")
        return Move("Here it belongs.", f"move {self._held} to {target}")

    def _light(self) -> Move:
        lamps = {
            i: p
            for p, items in self._contents.items()
            for i in items
            if _sort(i) == self.target
        }
        for lamp, place in lamps.items():
            if place == self._here:
                return Move(f"Here is the {self.target}.", f"use {lamp}")
        if self._here in self._closed:
            return Move(f"It {_CLOSED}", f"open {self._here}")
        if lamps:
            place = next(iter(lamps.values()))
            return Move(f"The {self.target} is in {place}.", f"go to {place}")
        return self._look_on(self.target)

    def _first(self, sort: str) -> str:
        return next(place for place in self._places if _sort(place) == sort)


def _sort(name: str) -> str:
    """The sort of a thing or a place: its name without the number."""
    return name.rpartition(" ")[0]
