import pytest

from loadtest.load.shapes import Shape


def users(shape, *times_s):
    return [shape.users_at(time_s) for time_s in times_s]


def test_steady():
    assert users(Shape("steady", users=3, peak=9), 0, 10, 1e6) == [3, 3, 3]


def test_steps_lead_to_the_peak_and_stay_there():
    shape = Shape("step", users=2, peak=10, interval_s=30, steps=4)
    assert users(shape, 0, 29.9, 30, 60, 90, 119.9, 120, 1e6) == [2, 2, 4, 6, 8, 8, 10, 10]


def test_steps_may_lead_down():
    shape = Shape("step", users=8, peak=2, interval_s=10, steps=2)
    assert users(shape, 0, 10, 20, 30) == [8, 5, 2, 2]


def test_a_spike_in_the_middle_of_every_interval():
    shape = Shape("spike", users=2, peak=20, interval_s=100)
    assert users(shape, 0, 39, 41, 50, 59, 61, 99) == [2, 2, 20, 20, 20, 2, 2]
    assert users(shape, 139, 141, 159, 161) == [2, 20, 20, 2]


@pytest.mark.parametrize("name", ["steady", "step", "spike"])
def test_there_are_never_more_than_at_the_peak_nor_fewer_than_at_the_start(name):
    shape = Shape(name, users=1, peak=7, interval_s=3, steps=5)
    found = users(shape, *(number / 10 for number in range(300)))
    assert min(found) == 1
    assert max(found) == (1 if name == "steady" else 7)
