"""Options of a configuration against a constructor."""

from collections.abc import Mapping

import pytest

from intercept_core.constructor_options import fitting


class Kettle:
    def __init__(self, litres: float, name: str = "", *, at: Mapping[str, int] | None = None):
        pass


class Plain:
    pass


def test_values_become_what_the_annotations_say():
    assert fitting(Kettle, {"litres": 2, "at": {"noon": "12"}}) == {
        "litres": 2.0,
        "at": {"noon": 12},
    }
    assert fitting(Plain, None) == {}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "option litres is missing"),
        ({"litres": 1, "colour": "red"}, "no option colour; there are: litres, name, at"),
        ({"litres": "much"}, "option litres: Input should be a valid number"),
        ({"litres": 1, "at": {"noon": "x"}}, "option at.noon: .* not 'x'"),
    ],
)
def test_what_does_not_fit_is_named(options, problem):
    with pytest.raises(ValueError, match=problem):
        fitting(Kettle, options)


def test_what_is_given_by_somebody_else_is_no_option():
    with pytest.raises(ValueError, match="no option litres; there are: name, at"):
        fitting(Kettle, {"litres": 1}, but=["litres"])
    assert fitting(Kettle, {"name": "tea"}, but=["litres"]) == {"name": "tea"}
    with pytest.raises(ValueError, match="no option speed; there are: none"):
        fitting(Plain, {"speed": 1})
