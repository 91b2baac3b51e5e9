import json

from deployments import exit_codes
from deployments.policies_command import card, policies_command
from intercept_core.policy.base import Policy
from intercept_core.policy.registry import POLICIES


class Explained(Policy):
    """Does ``this``
    and that.

    And more, which is not for a table.

    Args:
        threshold_s: What counts
            as long.
        other: Something else.
    """

    name = "explained"

    def __init__(self, threshold_s: float = 1.5, other: str | None = None) -> None:
        pass

    def decide(self, parked, state, cost):
        raise NotImplementedError


def test_a_card_is_made_from_the_docstring():
    made = card(Explained)
    assert made.summary == "Does this and that."
    assert [(o.name, o.default, o.meaning) for o in made.options] == [
        ("threshold_s", 1.5, "What counts as long."),
        ("other", None, "Something else."),
    ]
    assert made.servable
    assert not made.default


def test_all_policies_are_listed_with_a_summary_and_meanings(capsys):
    assert policies_command(as_json=True) == exit_codes.DONE
    cards = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in cards] == list(POLICIES)
    assert all(one["summary"] for one in cards)
    assert [one["name"] for one in cards if one["default"]] == ["adaptive"]
    assert [one["name"] for one in cards if not one["servable"]] == ["oracle"]
    meanings = {o["name"]: o["meaning"] for one in cards for o in one["options"]}
    assert {"threshold_s", "quantile", "default_s"} <= meanings.keys()
    assert meanings["threshold_s"] == "What counts as long."


def test_people_get_a_table(capsys):
    assert policies_command() == exit_codes.DONE
    text = capsys.readouterr().out
    assert all(name in text for name in POLICIES)
    assert "threshold_s = 1.0: What counts as long." in text
