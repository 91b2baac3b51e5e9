from loadtest.workloads.conversation import Conversation, Interception, Segment
from loadtest.workloads.etas import Etas
from loadtest.workloads.played import Played
from loadtest.workloads.timeline import Timeline

IMAGE = Interception(kind="image", seconds=8.0, return_tokens=1)


def conversation(number: int, arrival_s: float) -> Played:
    segments = (Segment(output_tokens=1, interception=IMAGE), Segment(output_tokens=1))
    return Played(Conversation(number, "image", arrival_s, 1, segments))


def test_conversations_begin_at_their_arrivals() -> None:
    late, early = conversation(1, 5.0), conversation(2, 3.0)
    timeline = Timeline([late, early])
    assert timeline.next_s == 3.0
    assert [moment.played for moment in timeline.due(4.0)] == [early]
    assert [moment.played for moment in timeline.due(5.0)] == [late]
    assert timeline.next_s == float("inf")


def test_of_one_time_what_was_entered_first_comes_first() -> None:
    first, second = conversation(1, 1.0), conversation(2, 1.0)
    assert [one.played for one in Timeline([first, second]).due(1.0)] == [first, second]


def test_what_is_entered_meanwhile_is_due_too() -> None:
    played = conversation(1, 0.0)
    timeline = Timeline([played])
    seen = []
    for moment in timeline.due(2.0):
        seen.append(moment.time_s)
        if len(seen) < 4:
            timeline.at(moment.time_s + 1.0, played)
    assert seen == [0.0, 1.0, 2.0]
    assert timeline.next_s == 3.0


def test_to_vllms_own_scheduler_a_call_is_its_end_alone() -> None:
    played = conversation(1, 0.0)
    timeline = Timeline([])
    timeline.intercept(played, IMAGE, 10.0, None, Etas())
    assert [(one.time_s, one.eta_s) for one in timeline.due(100.0)] == [(18.0, None)]
