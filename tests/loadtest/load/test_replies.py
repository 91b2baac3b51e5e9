from loadtest.load.replies import Replies
from loadtest.load.sse import Told
from loadtest.simulated_human import SimulatedHuman


def asked(name, state="running", kind="chatbot"):
    return Told(name, kind, state, 0.0)


def test_questions_get_the_replies_in_their_order_and_then_other_words():
    replies = Replies(["Lisbon", "in May"], SimulatedHuman(seed=1))
    turns = SimulatedHuman(seed=1)
    (first_s, _), (second_s, _), third = (turns.turn() for _ in range(3))
    assert replies.to(asked("1")) == (first_s, "Lisbon")
    assert replies.to(asked("2")) == (second_s, "in May")
    assert replies.to(asked("3")) == third


def test_a_question_is_answered_once():
    replies = Replies(["yes", "no"], SimulatedHuman(seed=1))
    assert replies.to(asked("1")) is not None
    assert replies.to(asked("1")) is None
    assert replies.to(asked("1", state="succeeded")) is None


def test_only_questions_to_the_human_are_answered():
    replies = Replies(["yes"], SimulatedHuman(seed=1))
    assert replies.to(asked("1", kind="image")) is None
    assert replies.to(asked("2", state="resumed")) is None
