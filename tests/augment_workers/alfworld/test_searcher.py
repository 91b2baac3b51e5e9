"""The expert: what it reads, what it does, and that it wins."""

import pytest

from augment_workers.alfworld.searcher import Move, Searcher

INTRO = (
    "You are in the middle of a room. Looking quickly around you, you see a bed 1, a desk 1, "
    "a safe 1, and a sinkbasin 1.\nYour task is to: {}.\n"
    "You can: go to bed 1, go to desk 1, go to safe 1, go to sinkbasin 1."
)


def playing(task: str) -> Searcher:
    return Searcher(INTRO.format(task))


@pytest.mark.parametrize(
    ("task", "thing", "target"),
    [
        ("put some pen on desk", "pen", "desk"),
        ("put a pen in desk", "pen", "desk"),
        ("clean some cloth and put it in desk", "cloth", "desk"),
        ("put a hot egg in desk", "egg", "desk"),
        ("find two pen and put them in desk", "pen", "desk"),
        ("look at pen under the desklamp", "pen", "desklamp"),
        ("examine the pen with the desklamp", "pen", "desklamp"),
    ],
)
def test_it_understands_every_sort_of_task(task: str, thing: str, target: str) -> None:
    expert = playing(task)
    assert (expert.thing, expert.target) == (thing, target)


def test_another_task_is_refused() -> None:
    with pytest.raises(ValueError, match="juggle"):
        playing("juggle with pens")


def test_it_searches_place_by_place_and_leaves_the_target_out() -> None:
    expert = playing("put some pen on desk")
    why = "Task: put some pen on desk."
    assert expert.move() == Move(f"{why} First is bed 1.", "go to bed 1")
    expert.observe("You arrive at bed 1. On the bed 1, you see a book 1.\nYou can: ...")
    assert expert.move() == Move(f"{why} No pen here. Next is safe 1.", "go to safe 1")
    expert.observe("You arrive at safe 1. The safe 1 is closed.\nYou can: ...")
    assert expert.move() == Move(f"{why} It is closed.", "open safe 1")
    expert.observe("You open the safe 1. The safe 1 is open. In it, you see a pen 2.\nYou ...")
    assert expert.move() == Move(f"{why} Here is a pen.", "take pen 2 from safe 1")
    expert.observe("You pick up the pen 2 from the safe 1.\nYou can: ...")
    assert expert.move() == Move(f"{why} I bring it to desk 1.", "go to desk 1")
    expert.observe("You arrive at desk 1. On the desk 1, you see nothing.\nYou can: ...")
    assert expert.move() == Move(f"{why} Here it belongs.", "move pen 2 to desk 1")


def test_it_changes_a_thing_first_where_the_task_says_so() -> None:
    expert = playing("put a clean cloth in desk")
    why = "Task: put a clean cloth in desk."
    expert.observe("You arrive at bed 1. On the bed 1, you see a cloth 1.")
    expert.observe("You pick up the cloth 1 from the bed 1.")
    assert expert.move() == Move(f"{why} I clean it with sinkbasin 1.", "go to sinkbasin 1")
    expert.observe("You arrive at sinkbasin 1. On the sinkbasin 1, you see nothing.")
    assert expert.move() == Move(f"{why} Now I clean it.", "clean cloth 1 with sinkbasin 1")
    expert.observe("You clean the cloth 1 using the sinkbasin 1.")
    assert expert.move().command == "go to desk 1"


def test_it_remembers_the_second_thing() -> None:
    expert = playing("put two pen in desk")
    expert.observe("You arrive at bed 1. On the bed 1, you see a pen 2, and a pen 1.")
    expert.observe("You pick up the pen 2 from the bed 1.")
    expert.observe("You arrive at desk 1. On the desk 1, you see nothing.")
    expert.observe("You move the pen 2 to the desk 1.")
    assert expert.move() == Move(
        "Task: put two pen in desk. There is one more in bed 1.", "go to bed 1"
    )


def test_it_recovers_from_what_others_did() -> None:
    expert = playing("put some pen on desk")
    expert.observe("You arrive at bed 1. On the bed 1, you see a book 1.")
    expert.observe("You pick up the book 1 from the bed 1.")
    assert expert.move().command == "move book 1 to bed 1"
    expert.observe("Nothing happens.")
    assert expert.move().command == "move book 1 to bed 1"
