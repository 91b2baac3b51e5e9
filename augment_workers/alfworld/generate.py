"""Makes small ALFWorld games.

A room gets a few pieces of furniture, the things that ALFRED (arXiv 1912.01734) knows to
be found in them, and one of its six types of tasks. All rules come from ALFWorld's own
tables.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from augment_workers.alfworld.games import ShippedGame

# At its import the package sets the variable, and makes the folder that it names.
_configured = os.environ.get("ALFWORLD_DATA")
os.environ.setdefault("ALFWORLD_DATA", tempfile.gettempdir())
from alfworld.gen.constants import (  # noqa: E402
    OPENABLE_CLASS_SET,
    VAL_ACTION_OBJECTS,
    VAL_RECEPTACLE_OBJECTS,
)
from alfworld.gen.goal_library import gdict  # noqa: E402

if _configured is None:
    del os.environ["ALFWORLD_DATA"]

KINDS = (
    "pick_and_place_simple",
    "look_at_obj_in_light",
    "pick_clean_then_place_in_recep",
    "pick_heat_then_place_in_recep",
    "pick_cool_then_place_in_recep",
    "pick_two_obj_and_place",
)

_ROOMS = {
    "kitchen": "CounterTop DiningTable Cabinet Drawer Fridge Microwave SinkBasin GarbageCan"
    " Shelf",
    "bedroom": "Bed Desk Drawer Dresser SideTable Shelf ArmChair GarbageCan Safe",
    "living room": "Sofa ArmChair CoffeeTable SideTable Cabinet Drawer Shelf GarbageCan",
    "bathroom": "SinkBasin CounterTop Cabinet Drawer Toilet GarbageCan Shelf BathtubBasin",
}
_THINGS = {
    "kitchen": "Apple Bread Egg Lettuce Potato Tomato Bowl Cup Mug Plate Pan Pot Fork Knife"
    " Spoon ButterKnife Spatula Ladle Kettle SaltShaker PepperShaker DishSponge SoapBottle"
    " WineBottle",
    "bedroom": "AlarmClock BasketBall Book CD CellPhone CreditCard KeyChain Laptop Mug Pen"
    " Pencil Pillow TissueBox Watch TennisRacket BaseballBat RemoteControl",
    "living room": "Book CreditCard KeyChain Laptop Newspaper Pillow RemoteControl Statue"
    " Vase Watch CellPhone WateringCan Candle TissueBox",
    "bathroom": "Candle Cloth SoapBar SoapBottle SprayBottle ToiletPaper HandTowel DishSponge"
    " TissueBox",
}
_LAMP = "DeskLamp"
_LAMP_PLACES = ("Desk", "SideTable", "Dresser", "CoffeeTable")
# The piece of furniture that changes a thing, and the table of things that it changes.
_CHANGES = {
    "pick_clean_then_place_in_recep": ("SinkBasin", "Cleanable"),
    "pick_heat_then_place_in_recep": ("Microwave", "Heatable"),
    "pick_cool_then_place_in_recep": ("Fridge", "Coolable"),
}


@dataclass(frozen=True, slots=True)
class Room:
    """A room and what is to be done in it.

    Attributes:
        furniture: Types of its receptacles, each there once.
        things: Type and place of each object.
        target: Type of the object that the task is about.
        goal: Type of the receptacle where it belongs, or of the lamp.
    """

    kind: str
    furniture: tuple[str, ...]
    things: tuple[tuple[str, str], ...]
    target: str
    goal: str


def generate(seed: int, pieces: tuple[int, int] = (4, 5)) -> Iterator[ShippedGame]:
    """Endless games in turn of all kinds; the same ``seed`` gives the same ones.

    Whether they can be won in a few moves is for the caller to try.

    Args:
        pieces: Least and largest number of pieces of furniture.
    """
    rng = Random(seed)
    number = 0
    while True:
        kind = KINDS[number % len(KINDS)]
        room = _furnish(rng, kind, rng.randint(*pieces))
        if room is None:
            continue
        toggle = _LAMP if kind == "look_at_obj_in_light" else ""
        words = {"obj": room.target, "recep": room.goal, "toggle": toggle, "mrecep": ""}
        task = rng.choice(gdict[kind]["templates"]).format(**words).lower()
        yield ShippedGame(
            name=f"{_SHORT[kind]}-{room.target}-{room.goal}-{number:03}".lower(),
            split="train",
            kind=kind,
            task=task,
            problem=_problem(room, gdict[kind]["pddl"].format(**words)),
        )
        number += 1


_SHORT = dict(zip(KINDS, ("place", "look", "clean", "heat", "cool", "two"), strict=True))


def _fits(thing: str, receptacle: str) -> bool:
    return thing in VAL_RECEPTACLE_OBJECTS.get(receptacle, ())


def _furnish(rng: Random, kind: str, pieces: int) -> Room | None:
    """A room for a task of ``kind``; None when the dice fell badly."""
    tool, table = _CHANGES.get(kind, (None, None))
    rooms = [room for room in _ROOMS if tool is None or tool in _ROOMS[room].split()]
    if kind == "look_at_obj_in_light":
        rooms = ["bedroom", "living room"]
    room = rng.choice(rooms)
    things = _THINGS[room].split()
    furniture = rng.sample(_ROOMS[room].split(), pieces)
    if tool is not None and tool not in furniture:
        furniture[rng.randrange(pieces)] = tool
    target = rng.choice(things)
    if table is not None and target not in VAL_ACTION_OBJECTS[table]:
        return None
    sources = [place for place in furniture if _fits(target, place)]
    if kind == "look_at_obj_in_light":
        goals = [place for place in furniture if place in _LAMP_PLACES]
    else:
        goals = [place for place in sources if place != tool or kind not in _CHANGES]
    if not goals:
        return None
    goal = rng.choice(goals)
    sources = [place for place in sources if place != goal]
    if not sources:
        return None
    placed = [(target, rng.choice(sources))]
    if kind == "pick_two_obj_and_place":
        placed.append(placed[0])
    if kind == "look_at_obj_in_light":
        placed.append((_LAMP, goal))
    for _ in range(rng.randint(2, 3)):
        other, place = rng.choice(things), rng.choice(furniture)
        if other != target and _fits(other, place):
            placed.append((other, place))
    goal = _LAMP if kind == "look_at_obj_in_light" else goal
    rng.shuffle(furniture)
    return Room(kind, tuple(furniture), tuple(placed), target, goal)


def _problem(room: Room, goal: str) -> str:
    """The room in ALFRED's PDDL."""
    places = {name: _identifier(name, number) for number, name in enumerate(room.furniture)}
    locations = {name: f"loc|{number}|1|1|30" for number, name in enumerate(room.furniture, 1)}
    start = "loc|0|1|1|30"
    facts = ["(= (total-cost) 0)", f"(atLocation agent1 {start})"]
    for name, place in places.items():
        facts.append(f"(receptacleType {place} {name}Type)")
        facts.append(f"(receptacleAtLocation {place} {locations[name]})")
        if name in OPENABLE_CLASS_SET:
            facts.append(f"(openable {place})")
    kinds = sorted({thing for thing, _ in room.things})
    for place in sorted(places):
        fitting = [thing for thing in kinds if _fits(thing, place)]
        facts += [f"(canContain {place}Type {thing}Type)" for thing in fitting]
    objects = []
    for number, (thing, place) in enumerate(room.things, 20):
        name = _identifier(thing, number)
        objects.append(name)
        facts += [
            f"(objectType {name} {thing}Type)",
            f"(inReceptacle {name} {places[place]})",
            f"(objectAtLocation {name} {locations[place]})",
        ]
        facts.append(f"({'toggleable' if thing == _LAMP else 'pickupable'} {name})")
        facts += [
            f"({action.lower()} {name})"
            for action in ("Cleanable", "Heatable", "Coolable", "Sliceable")
            if thing in VAL_ACTION_OBJECTS[action]
        ]
    declared = [
        "agent1 - agent",
        *(f"{name}Type - otype" for name in kinds),
        *(f"{name}Type - rtype" for name in sorted(places)),
        *(f"{name} - object" for name in objects),
        *(f"{place} - receptacle" for place in places.values()),
        *(f"{location} - location" for location in (start, *locations.values())),
    ]
    lines = [
        "(define (problem room)",
        "(:domain alfred)",
        "(:objects",
        *(_mangled(line) for line in declared),
        ")",
        "(:init",
        *(_mangled(line) for line in facts),
        ")",
        *(line.strip().replace("#", "-") for line in goal.splitlines() if line.strip()),
    ]
    return "\n".join(lines)


def _identifier(kind: str, number: int) -> str:
    """An id as ALFRED writes them: type, position, and the part that holds things."""
    name = f"{kind.removesuffix('Basin')}|+{number:02}.00|+00.90|-01.00"
    return f"{name}|{kind}" if kind.endswith("Basin") else name


def _mangled(line: str) -> str:
    """The way ALFWorld writes ids in PDDL; its separators between words stay."""
    if "(=" in line:
        return line
    words = []
    for word in line.split(" "):
        if "|" in word:
            for character, name in (
                ("|", "bar"),
                ("-", "minus"),
                ("+", "plus"),
                (".", "dot"),
            ):
                word = word.replace(character, f"_{name}_")
        words.append(word)
    return " ".join(words)
