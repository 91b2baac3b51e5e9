"""Which dialogues count as right."""

from typing import Any

from deployments.models.dialogue import Dialogue, answer, call, dialogue, user
from deployments.models.trial import Paraphrase, Trial

DRAWING = dialogue(
    "image",
    [
        user("Draw a ring."),
        call("image", {"prompt": "a ring"}, "Image saved as image-0123456789.png."),
        answer("Here is your image: image-0123456789.png"),
    ],
)
SAVED = "Image saved as image-aaaaaaaaaa.png."


def drawing(prompt: str, said: str) -> Trial:
    called = {"name": "image", "arguments": {"prompt": prompt}}
    return Trial(
        group="image",
        reference=DRAWING,
        text="",
        questions=[],
        calls=[called],
        results=[SAVED],
        answers=[said],
    )


def paraphrase(kind: str, said: str, **fields: Any) -> Paraphrase:
    calls = [{"name": kind, "arguments": {"message": "What is your favourite Colour?"}}]
    reference = Dialogue(kind, (user("?"), answer("")), (kind,))
    return Paraphrase(
        group="",
        reference=reference,
        text="",
        questions=[],
        calls=calls,
        answers=[said],
        **fields,
    )


def test_an_answer_names_the_file_that_was_made() -> None:
    right = drawing("a ring", "Here is your image: image-aaaaaaaaaa.png")
    assert right.right_tools and right.right_calls and right.right_answer
    assert not drawing("a ring", "Here is your image: image-0123456789.png").right_answer
    assert not drawing("a ring", "Here you are: image-aaaaaaaaaa.png").right_answer


def test_an_argument_is_right_to_the_letter() -> None:
    other = drawing("a rings", "Here is your image: image-aaaaaaaaaa.png")
    assert other.right_tools and not other.right_calls


def test_a_game_is_right_when_it_is_won() -> None:
    reference = Dialogue("alfworld", (user("Play."), answer("")), ("alfworld",))
    trial = Trial(group="", reference=reference, text="", questions=[], game="one")
    trial.calls = [{"name": "alfworld", "arguments": {"action": "start"}}]
    trial.results, trial.answers = ["A room."], ["I won."]
    assert trial.right_tools and not trial.right_calls
    trial.results.append("You move the pen 1. You won.")
    assert trial.right_calls and trial.right_answer


def test_the_human_of_the_reference_replies_and_its_failures_happen() -> None:
    asking = call("chatbot", {"message": "Which?"}, "The red one.")
    failing = call("image", {"prompt": "a ring"}, "Error: too late.")
    reference = dialogue("chatbot", [user("Ask me."), asking, failing, answer("Sorry.")])
    trial = Trial(group="", reference=reference, text="", questions=[])
    assert trial.scripted({"name": "image", "arguments": {}}) is None
    said = {"name": "chatbot", "arguments": {"message": "Which one?"}}
    assert trial.scripted(said) == "The red one."
    trial.calls.append(said)
    assert trial.scripted({"name": "image", "arguments": {"prompt": "a dog"}}) is None
    drawn = {"name": "image", "arguments": {"prompt": "a ring"}}
    assert trial.scripted(drawn) == "Error: too late."


def test_a_paraphrase_is_judged_by_what_it_mentions() -> None:
    right = paraphrase(
        "chatbot", "Your favourite colour is blue.", mentioned=("colour",), expected="blue"
    )
    assert right.right_tools and right.right_calls and right.right_answer
    assert not paraphrase("chatbot", "Blueish.", expected="blue").right_answer
    assert not paraphrase("chatbot", "blue", mentioned=("shape",)).right_calls
    exact = ("What is your favourite Colour?",)
    assert paraphrase("chatbot", "", accepted=exact).right_calls
    assert not paraphrase("chatbot", "", accepted=("What is your colour?",)).right_calls
