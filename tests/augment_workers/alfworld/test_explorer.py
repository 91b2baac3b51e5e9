import pytest

from augment_workers.alfworld.explorer import Explorer, listed_commands

ROOM = "You are in a room.\nYour task is to: {}.\nYou can: go to bed 1, go to desk 1."


@pytest.mark.parametrize(
    ("task", "commands"),
    [
        ("put some pen on desk", ["take pen 1 from bed 1", "go to desk 1"]),
        ("look at pen under the desklamp", ["take pen 1 from bed 1", "go to desk 1"]),
        ("put two pen in desk", ["take pen 1 from bed 1", "go to desk 1"]),
    ],
)
def test_it_takes_what_it_sees(task: str, commands: list[str]) -> None:
    explorer = Explorer(ROOM.format(task))
    assert explorer.next(ROOM.format(task)).command == "go to bed 1"
    move = explorer.next("On the bed 1, you see a pen 1.\nYou can: take pen 1 from bed 1.")
    assert (move.thought, move.command) == ("Here is a pen.", commands[0])
    assert explorer.next("You pick up the pen 1.\nYou can: look.").command == commands[1]


def test_it_opens_what_is_closed() -> None:
    first = ROOM.format("put a pen in desk").replace("bed 1", "safe 1")
    explorer = Explorer(first)
    assert explorer.next(first).command == "go to safe 1"
    assert explorer.next("It is closed.\nYou can: open safe 1.").command == "open safe 1"


def test_it_gives_up_where_nothing_is() -> None:
    first = ROOM.format("put a pen in desk")
    explorer = Explorer(first)
    explorer.next(first)
    with pytest.raises(LookupError, match="there is no pen anywhere"):
        explorer.next("On the bed 1, you see nothing.\nYou can: go to desk 1.")


def test_a_task_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no task is read in .*juggle"):
        Explorer(ROOM.format("juggle"))


def test_listed_commands() -> None:
    assert listed_commands("A room.\nYou can: go to bed 1, open safe 1.") == [
        "go to bed 1",
        "open safe 1",
    ]
    assert listed_commands("You won.") == []
