import pytest

from loadtest.pairs import Pairs, measure_pairs


def test_sides_alternate_and_stay_in_their_columns() -> None:
    order: list[str] = []

    def side(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    said: list[str] = []
    pairs = measure_pairs(
        ("a", "b"),
        lambda: side("a", 2.0),
        lambda: side("b", 1.0),
        pairs=3,
        say=said.append,
    )
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert pairs.seconds == [(2.0, 1.0)] * 3
    assert len(said) == 3


def test_the_report_gives_median_spread_and_ratio() -> None:
    report = Pairs(("a", "b"), [(1.0, 2.0), (3.0, 2.0), (2.0, 2.0)]).report()
    first, _, ratio = report.splitlines()
    assert first.split()[:4] == ["a", "median", "2.0000", "s"]
    assert ratio.split() == [
        "a",
        "/",
        "b",
        "median",
        "1.0000",
        "min",
        "0.5000",
        "max",
        "1.5000",
    ]


def test_ratios_are_taken_pair_by_pair() -> None:
    pairs = Pairs(("a", "b"), [(1.0, 4.0), (9.0, 3.0)])
    assert pairs.ratios == pytest.approx([0.25, 3.0])
