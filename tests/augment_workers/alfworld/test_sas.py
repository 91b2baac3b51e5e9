import pytest

from augment_workers.alfworld.planner import Planner
from augment_workers.alfworld.sas import Task

# A door that has to be opened before somebody goes through; whoever is out and has closed
# it behind is safe, which an axiom derives.
DOOR = """\
begin_version
3
end_version
begin_metric
1
end_metric
3
begin_variable
var0
-1
2
Atom open(door)
NegatedAtom open(door)
end_variable
begin_variable
var1
-1
2
Atom at(inside)
Atom at(outside)
end_variable
begin_variable
var2
0
2
Atom safe()
NegatedAtom safe()
end_variable
1
begin_mutex_group
2
1 0
1 1
end_mutex_group
begin_state
1
0
1
end_state
begin_goal
1
2 0
end_goal
4
begin_operator
close door
0
1
0 0 0 1
1
end_operator
begin_operator
leave
1
0 0
1
0 1 0 1
5
end_operator
begin_operator
open door
0
1
0 0 1 0
1
end_operator
begin_operator
push door
0
2
1 0 0 0 -1 1
1 0 1 0 -1 0
1
end_operator
1
begin_rule
2
0 1
1 1
2 1 0
end_rule
"""


@pytest.fixture(scope="module")
def task() -> Task:
    return Task(DOOR)


def test_operators_apply_when_their_conditions_hold(task: Task) -> None:
    names = [operator.name for operator in task.applicable(task.initial)]
    assert names == ["open door", "push door"]
    opened = task.successor(task.initial, task.operators[2])
    assert {task.names[fact] for fact in opened} == {
        "Atom open(door)",
        "Atom at(inside)",
        "NegatedAtom safe()",
    }
    assert [operator.name for operator in task.applicable(opened)] == [
        "close door",
        "leave",
        "push door",
    ]


def test_effects_fire_on_what_held_before(task: Task) -> None:
    push = task.operators[3]
    opened = task.successor(task.initial, push)
    assert task.names[min(opened)] == "Atom open(door)"
    assert task.successor(opened, push) == task.initial


def test_axioms_derive_and_underive(task: Task) -> None:
    _close, leave, open_, push = task.operators
    outside = task.successor(task.successor(task.initial, open_), leave)
    assert not task.is_goal(outside)
    closed = task.successor(outside, push)
    assert task.is_goal(closed)
    assert not task.is_goal(task.successor(closed, open_))


def test_the_planner_finds_the_way(task: Task) -> None:
    planner = Planner(task)
    plan = planner.plan(task.initial)
    assert plan is not None
    assert [operator.name for operator in plan] in (
        ["open door", "leave", "close door"],
        ["push door", "leave", "close door"],
        ["open door", "leave", "push door"],
        ["push door", "leave", "push door"],
    )
    assert planner.plan(task.successor(task.initial, plan[0])) is not None


def test_there_may_be_no_way() -> None:
    locked = Task(DOOR.replace("0 0\n1\n0 1 0 1\n5", "0 0\n1\n0 1 1 1\n5"))
    assert Planner(locked).plan(locked.initial) is None


def test_the_search_has_a_deadline(task: Task) -> None:
    with pytest.raises(TimeoutError, match="no plan within 0 s"):
        Planner(task).plan(task.initial, timeout_s=0)


def test_other_versions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"version 4: only version 3"):
        Task("begin_version\n4\nend_version\n")
