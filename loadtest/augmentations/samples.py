"""Calls of every kind to be measured, and what the paper measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.workloads.six_kinds import Spread

Arguments = Mapping[str, Any]

TABLE_1: Mapping[str, Spread] = {
    "calculator": Spread(9e-5, 6e-5),
    "retrieval": Spread(0.69, 0.17),
    "alfworld": Spread(0.09, 0.014),
    "chatbot": Spread(28.6, 15.6),
    "image": Spread(20.03, 7.8),
    "speech": Spread(17.24, 7.6),
}
"""Seconds of an interception, mean and standard deviation: table 1 of arXiv 2402.01869.

Those of image and speech have the human's turns in them: the tools alone take 11.5 and 6.1 s
in the released trace."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Calls of one kind.

    Attributes:
        first: The call that finds nothing loaded; it begins a session of its own.
        then: Calls that are measured, in turn, all in that session.
    """

    first: Arguments
    then: tuple[Arguments, ...]


SAMPLES: Mapping[str, Samples] = {
    "calculator": Samples(
        {"expression": "1+1"},
        (
            {"expression": "12 * 37"},
            {"expression": "(348 + 967) / 5"},
            {"expression": "sqrt(1764)"},
            {"expression": "choose(12, 3)"},
        ),
    ),
    "retrieval": Samples(
        {"verb": "search", "query": "violin"},
        (
            {"verb": "search", "query": "Marie Curie"},
            {"verb": "lookup", "query": "Nobel"},
            {"verb": "search", "query": "a mountain in Asia"},
            {"verb": "search", "query": "photosynthesis"},
        ),
    ),
    "alfworld": Samples(
        {"action": "start"}, ({"action": "look"}, {"action": "inventory"}, {"action": "help"})
    ),
    "chatbot": Samples({"message": "Hello?"}, ({"message": "Tea or coffee?"},)),
    "image": Samples(
        {"prompt": "a red circle"},
        ({"prompt": "a blue square"}, {"prompt": "a green heart"}, {"prompt": "a yellow ring"}),
    ),
    "speech": Samples(
        {"text": "Hello."},
        (
            {"text": "The train to Lisbon leaves at nine."},
            {"text": "Dinner is ready, please come to the table."},
        ),
    ),
}
